//! The rights that the requests of the store need.

/// The right that an operation needs.
pub(super) fn grant(operation: &str) -> &'static str {
    match operation {
        "create" => {
            "allow s3:GetObject, s3:PutObject and s3:ListBucket on this bucket and prefix (the create needs s3:PutObject; with \
             a lock s3:PutObjectRetention and s3:PutObjectLegalHold, with tags s3:PutObjectTagging, with a KMS key \
             kms:GenerateDataKey), and check policies that deny and store.expected_owner"
        }
        "list" => {
            "allow s3:ListBucket on this bucket and prefix, and check policies that deny and store.expected_owner"
        }
        "list versions" => "allow s3:ListBucketVersions on this bucket and prefix, and check policies that deny",
        "get bucket versioning" => "allow s3:GetBucketVersioning on this bucket, and check policies that deny",
        "remove" => "allow s3:DeleteObject on this prefix (s3:DeleteObjectVersion where versions are kept)",
        _ => {
            "allow s3:GetObject, s3:PutObject and s3:ListBucket on this bucket and prefix (reading needs the first, and \
             s3:GetObjectVersion where versions are kept; with a KMS key also kms:Decrypt), and check policies that deny and \
             store.expected_owner"
        }
    }
}

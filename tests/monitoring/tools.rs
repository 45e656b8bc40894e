//! Debian's Prometheus and promtool. Where they are not installed, the package is unpacked into a cache, which needs no root and
//! starts no service.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const UNPACK: &str = r#"
set -e
if [ -x "$0/usr/bin/promtool" ]; then exit 0; fi
unfinished=$(mktemp -d "$0.XXXXXX")
cd "$unfinished"
apt-get download prometheus || { apt-get update && apt-get download prometheus; }
dpkg-deb -x prometheus_*.deb tree
mkdir -p "$(dirname "$0")"
# Another run may have been faster.
mv -T tree "$0" 2>/dev/null || test -x "$0/usr/bin/promtool"
rm -rf "$unfinished"
"#;

/// The path of `prometheus` or `promtool`.
///
/// # Panics
/// Where it is not installed and cannot be downloaded.
pub fn tool(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let installed = std::env::split_paths(&path)
                .find(|folder| ["prometheus", "promtool"].iter().all(|tool| folder.join(tool).exists()));
            installed.unwrap_or_else(unpacked)
        })
        .join(name)
}

fn unpacked() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(Path::new(&home).join(".cache"))
    });
    let place = cache.expect("HOME is set").join("kivend/debian-prometheus");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let output = Command::new("sh").args(["-c", UNPACK]).arg(&place).output().unwrap();
    assert!(
        output.status.success(),
        "Prometheus is not installed and cannot be downloaded (`apt-get install prometheus`): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    place.join("usr/bin")
}

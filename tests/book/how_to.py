"""The scenes of the how-to pages, on top of the archive that scene.sh makes."""
from __future__ import annotations

from pathlib import Path

from pages import TOP
from scenes import Scene, environment, free_port

WITNESSES = 3


Words = dict[str, str]


def how_to(
    work: Path, programs: Path, name: str, before: str = "", after: str = "", preparations: Words | None = None, first: Words | None = None,
) -> Scene:
    """A scene with the archive of scene.sh. `first` are words that are replaced before those of all scenes."""
    folder, port = work / "page", free_port()
    folder.mkdir()
    words = {
        "/etc/kivend": f"{folder}/etc/kivend", "/media/usb": f"{folder}/usb", "/var/lib/kivend-metrics": f"{folder}/metrics",
        "/var/lib/prometheus/node-exporter": f"{folder}/node-exporter", "/var/lib/kivend/": f"{folder}/", "tools/": f"{TOP}/tools/",
        "localhost:9464": f"localhost:{port}", "127.0.0.1:9464": f"127.0.0.1:{port}",
        "user-events": f"{name}-user-events", "payments": f"{name}-payments", "PUBLIC": '"$PUBLIC"',
    }
    given = f"NAME={name} PORT={port} TOP={TOP}\nsource {TOP}/tests/book/scene.sh\n"
    return Scene(
        folder, environment(work, programs, port), given + before, after, preparations or {}, (first or {}) | words)


def operate(work: Path, programs: Path, name: str) -> Scene:
    return how_to(
        work, programs, name, preparations={"It works if": "start_archiver"},
        first={
            "BROKER ": '"${KIVEND_KAFKA__BROKERS%%,*}" ', "--entity-name TOPIC": "--entity-name payments", "NEW_PUBLIC": '"$(new_public)"',
            "drill.note --key PUBLIC": "drill.note --key etc/kivend/archive.pub",
            "kivend restore --topic payments --into-archived": "delete payments; kivend restore --topic payments --into-archived"})


def keys(work: Path, programs: Path, name: str) -> Scene:
    """Three archives: one in a token, one of which a token gets the key, and one with change keys."""
    return how_to(
        work, programs, name,
        before="""
mkdir tokens && echo "directories.tokendir = $PWD/tokens" > softhsm2.conf && export SOFTHSM2_CONF=$PWD/softhsm2.conf
into_the_token() {
  sed -i /^key_file/d kivend.toml && export KIVEND_ARCHIVE__PKCS11__LABEL=audit-2027
  more && kivend archive --quiet > /dev/null
}
change_key() { kivend keys show --format json | jq --raw-output '.keys[] | select(.role == "change").key'; }
of_another_machine() {
  local origin=$(kivend keys show --format json | jq --raw-output .origin)
  kivend init --store-directory scratch --store-prefix '' --origin "$origin" --set archive.key_file=third.key | sed -n 's/^public key *//p'
}
""",
        preparations={
            "A key in a token (PKCS#11)": "touch empty.toml && export KIVEND_CONFIG=$PWD/empty.toml",
            "From a file to a token, and from one key to the next": "export KIVEND_CONFIG=$PWD/kivend.toml; unset KIVEND_ARCHIVE__PKCS11__LABEL",
            "Change keys": f"""
unset KIVEND_ARCHIVE__PKCS11__MODULE KIVEND_ARCHIVE__PKCS11__TOKEN KIVEND_ARCHIVE__PKCS11__LABEL
export KIVEND_STORE__PREFIX={name}c KIVEND_ARCHIVE__KEY_FILE=$PWD/second.key""",
        },
        first={
            "# set archive.pkcs11.label": "into_the_token # set archive.pkcs11.label", "sign FILE": "sign second.key.rotate",
            "apply FILE": "apply second.key.rotate",
            "--add PUBLIC": '--add "$(of_another_machine)"', "--retire PUBLIC": '--retire "$(change_key)"'})


def restore(work: Path, programs: Path, name: str) -> Scene:
    return how_to(work, programs, name)


def witnesses(work: Path, programs: Path, name: str) -> Scene:
    """Three witnesses that have cosigned, and a policy that is the page's with their keys."""
    ports = " ".join(str(free_port()) for _ in range(WITNESSES))
    return how_to(
        work, programs, name,
        before=f"""
origin=$(sed -n 's/.*origin //p' init.txt)
vkeys=()
for port in {ports}; do
  export WITNESS_STATE=$PWD/w$port WITNESS_PORT=$port WITNESS_NAME=witness.local/$port
  vkeys+=("$($TOP/deploy/local/witness up | sed -n 1p)")
  $TOP/deploy/local/witness add-log "$origin" "$PUBLIC"
  printf '[[archive.witnesses]]\\nurl = "http://127.0.0.1:%s/"\\nkey = "%s"\\n' "$port" "${{vkeys[-1]}}" >> kivend.toml
done
printf 'witness a1 %s\\nwitness a2 %s\\nwitness b %s\\ngroup a any a1 a2\\ngroup both all a b\\nquorum both\\n' "${{vkeys[@]}}" > witnesses.policy
more && kivend archive --quiet > /dev/null
start_archiver
until kivend verify --quiet --against links --origin "$origin" --witness "${{vkeys[0]}}" --witness "${{vkeys[1]}}" --witness "${{vkeys[2]}}" > /dev/null 2>&1; do sleep 0.2; done
# A proof is of the first checkpoint over the record. The one over the first segments is older than the witnesses.
record=$(kivend files | sed -n 's|^data/{name}-payments/0/0000-0*\\([1-9][0-9]*\\)\\.parquet|\\1|p')
kivend prove --quiet {name}-payments 0 "$record" -o payment.proof > /dev/null
""",
        after=f"for port in {ports}; do WITNESS_STATE=$PWD/w$port WITNESS_PORT=$port {TOP}/deploy/local/witness down; done",
        first={"ORIGIN": '"$origin"'} | {f"VKEY{number + 1}": f'"${{vkeys[{number}]}}"' for number in range(WITNESSES)})


def audit(work: Path, programs: Path, name: str) -> Scene:
    """What four sinks would have written of the archived topics."""
    return how_to(
        work, programs, name,
        before=f"""
for topic in user-events payments; do kivend export --quiet --topic {name}-$topic --as parquet -o $topic.parquet; done
python $TOP/tests/book/lake.py {name}
""",
        first={"s3://lake/": f"s3://$KIVEND_STORE__BUCKET/lake-{name}/"})


def retention(work: Path, programs: Path, name: str) -> Scene:
    """Segments that are older than a second, in the place of 395 days."""
    return how_to(
        work, programs, name,
        before=f"""
more && kivend archive --quiet > /dev/null
until kivend retention --topic {name}-user-events --before 1s | grep --quiet user-events/1; do sleep 0.2; done
""",
        first={"395d": "1s"})


def status(work: Path, programs: Path, name: str) -> Scene:
    return how_to(work, programs, name, before="start_archiver")


def verify(work: Path, programs: Path, name: str) -> Scene:
    """An archive that grew since yesterday, and a copy of it."""
    return how_to(
        work, programs, name,
        before=f"""
kivend checkpoint -o yesterday.note > /dev/null
more && kivend archive --quiet > /dev/null
python $TOP/tests/book/download.py {name} copy
""",
        first={"DIR": "copy"})

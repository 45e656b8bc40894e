//! Objects that anybody who may create objects can plant, each small to make and costly to a careless reader.

use std::path::Path;

/// A field of a structure in Thrift's compact protocol: its id, the code of its type, its bytes.
type Field = (u8, u8, Vec<u8>);
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

fn number(value: usize) -> Vec<u8> {
    varint(value as u64 * 2)
}

fn text(value: &str) -> Vec<u8> {
    [varint(value.len() as u64), value.as_bytes().to_vec()].concat()
}

fn list(kind: u8, elements: &[Vec<u8>]) -> Vec<u8> {
    [vec![0xf0 | kind], varint(elements.len() as u64), elements.concat()].concat()
}

fn structure(fields: &[Field]) -> Vec<u8> {
    let (mut bytes, mut last) = (Vec::new(), 0);
    for (id, kind, value) in fields {
        bytes.push((id - last) << 4 | kind);
        bytes.extend_from_slice(value);
        last = *id;
    }
    bytes.push(0);
    bytes
}

/// The leaf columns of a segment without rules.
const LEAVES: usize = 12;

/// A file whose first chunk is `chunk`, with the keys of a segment of payments/0 from this offset.
fn file(chunk: &[u8], first_offset: i64) -> Vec<u8> {
    let keys = [
        ("topic", "payments"),
        ("partition", "0"),
        ("epoch", "0"),
        ("first_offset", &first_offset.to_string()),
        ("next_offset", &(first_offset + 25).to_string()),
        ("record_count", "25"),
        ("records_root", &"00".repeat(32)),
        ("previous", &"00".repeat(32)),
        ("projection", "[]"),
    ];
    let pairs = keys.map(|(key, value)| structure(&[(1, BINARY, text(key)), (2, BINARY, text(value))]));
    let chunk_of = |bytes: usize| structure(&[(3, STRUCT, structure(&[(7, I64, number(bytes))]))]);
    let mut chunks = vec![chunk_of(0); LEAVES];
    chunks[0] = chunk_of(chunk.len());
    let group = structure(&[(1, LIST, list(STRUCT, &chunks))]);
    let footer = structure(&[(4, LIST, list(STRUCT, &[group])), (5, LIST, list(STRUCT, &pairs))]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", chunk, &footer, &length, b"PAR1"].concat()
}

/// A page header with a list of 52 million numbers.
pub fn long_list(first_offset: i64) -> Vec<u8> {
    let list = [vec![0xf0 | I32], varint(52 << 20), vec![2; 52 << 20]].concat();
    file(&structure(&[(9, LIST, list)]), first_offset)
}

/// 31 kB with a dictionary of 480 MiB that no page uses.
pub fn large_dictionary(first_offset: i64) -> Vec<u8> {
    let unpacked = 480 << 20;
    let packed = zstd::bulk::compress(&vec![0; unpacked], 19).unwrap();
    let own = structure(&[(1, I32, number(1)), (2, I32, number(0))]);
    let header = structure(&[
        (1, I32, number(2)),
        (2, I32, number(unpacked)),
        (3, I32, number(packed.len())),
        (7, STRUCT, own),
    ]);
    file(&[header, packed].concat(), first_offset)
}

/// A page that announces 500 MiB and has 10 bytes.
pub fn absent_page(first_offset: i64) -> Vec<u8> {
    let packed = zstd::bulk::compress(&[7; 10], 1).unwrap();
    let own = structure(&[
        (1, I32, number(25)),
        (2, I32, number(0)),
        (3, I32, number(3)),
        (4, I32, number(3)),
    ]);
    let header = structure(&[
        (1, I32, number(0)),
        (2, I32, number(500 << 20)),
        (3, I32, number(packed.len())),
        (5, STRUCT, own),
    ]);
    file(&[header, packed].concat(), first_offset)
}

/// A footer of 8 MiB that is a list of empty structures.
pub fn long_footer() -> Vec<u8> {
    let elements = (8 << 20) - 16;
    let list = [
        vec![0xf0 | STRUCT],
        varint(elements),
        vec![0; usize::try_from(elements).unwrap()],
    ]
    .concat();
    let footer = structure(&[(4, LIST, list)]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", &footer[..], &length, b"PAR1"].concat()
}

/// A file of this length without any content, which costs its planter nothing.
pub fn plant_empty(path: &Path, bytes: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

/// A pipe, which nobody writes to.
pub fn plant_pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

//! Writes an event as a line of JSON with the spacing of Python's `json.dumps`.

use crate::record::time::civil_from_days;
use crate::synthetic::draws::Draws;

const DEVICES: [&str; 4] = ["web_mobile", "ios", "android", "web_desktop"];
const SOURCES: [&str; 6] = ["affiliate", "ads_meta", "direct", "seo", "ads_google", "email"];
const CAMPAIGNS: [&str; 5] = ["fall_sale", "xmas_push", "retargeting", "black_friday", "none"];

/// Customer, session, device and campaign: the members that are the same in every line of a session.
pub(crate) struct Visitor {
    /// The text from `, "customer_id"` to `"product_id": `.
    middle: Vec<u8>,
}

/// The members that only some events have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Detail {
    pub(crate) product: Option<u32>,
    pub(crate) cart_cents: Option<u64>,
    pub(crate) payment: Option<u64>,
    pub(crate) order: Option<u64>,
}

impl Detail {
    pub(crate) fn of_product(product: u32) -> Detail {
        Detail {
            product: Some(product),
            ..Detail::default()
        }
    }
}

impl Visitor {
    /// Draws one of `customers` for session number `session`.
    pub(crate) fn draw(draws: &mut Draws, customers: u32, session: u64) -> Visitor {
        let mut customer = vec![b'C'];
        push_number(&mut customer, u64::from(1 + draws.below(customers)), 5);
        let device = draws.one_of(&DEVICES);
        Visitor::known(draws, &customer, session, device)
    }

    /// A customer who uses the device of this number.
    pub(crate) fn on_device(draws: &mut Draws, customer: &str, session: u64, device: usize) -> Visitor {
        Visitor::known(draws, customer.as_bytes(), session, DEVICES[device % DEVICES.len()])
    }

    fn known(draws: &mut Draws, customer: &[u8], session: u64, device: &str) -> Visitor {
        let mut middle = Vec::with_capacity(256);
        middle.extend_from_slice(b"\", \"customer_id\": \"");
        middle.extend_from_slice(customer);
        middle.extend_from_slice(b"\", \"session_id\": \"S");
        push_number(&mut middle, session, 6);
        push_text(&mut middle, b"device", device);
        middle.extend_from_slice(b"\", \"ip_hash\": \"");
        push_hex(&mut middle, [draws.bits(), draws.bits()]);
        push_text(&mut middle, b"utm_source", draws.one_of(&SOURCES));
        push_text(&mut middle, b"utm_campaign", draws.one_of(&CAMPAIGNS));
        middle.extend_from_slice(b"\", \"product_id\": ");
        Visitor { middle }
    }
}

/// Appends one event, given as (seconds since the Unix epoch, type).
pub(crate) fn write_line(
    line: &mut Vec<u8>,
    draws: &mut Draws,
    visitor: &Visitor,
    (seconds, event_type): (i64, &str),
    detail: Detail,
) {
    line.extend_from_slice(b"{\"event_id\": \"");
    // A UUID of version 4 (RFC 9562) without its hyphens.
    let version = draws.bits() & 0xffff_0fff | 0x4000;
    let variant = draws.bits() & 0x3fff_ffff | 0x8000_0000;
    push_hex(line, [draws.bits(), version, variant, draws.bits()]);
    line.extend_from_slice(b"\", \"ts\": \"");
    push_time(line, seconds, draws.below(1_000_000_000));
    push_text(line, b"event_type", event_type);
    line.extend_from_slice(&visitor.middle);
    push_id(line, b"P", detail.product.map(u64::from), 4);
    line.extend_from_slice(b", \"cart_value\": ");
    push_cents(line, detail.cart_cents);
    line.extend_from_slice(b", \"payment_id\": ");
    push_id(line, b"PAY", detail.payment, 7);
    line.extend_from_slice(b", \"order_id\": ");
    push_id(line, b"O", detail.order, 7);
    line.extend_from_slice(b"}\n");
}

/// Closes the string before it and writes the next member, without its closing quotation mark.
fn push_text(line: &mut Vec<u8>, name: &[u8], text: &str) {
    line.extend_from_slice(b"\", \"");
    line.extend_from_slice(name);
    line.extend_from_slice(b"\": \"");
    line.extend_from_slice(text.as_bytes());
}

fn push_id(line: &mut Vec<u8>, letters: &[u8], number: Option<u64>, digits_min: usize) {
    let Some(number) = number else {
        line.extend_from_slice(b"null");
        return;
    };
    line.push(b'"');
    line.extend_from_slice(letters);
    push_number(line, number, digits_min);
    line.push(b'"');
}

/// Hundredths as Python prints a float: at least one digit after the point, no trailing zero after that.
fn push_cents(line: &mut Vec<u8>, cents: Option<u64>) {
    let Some(cents) = cents else {
        line.extend_from_slice(b"null");
        return;
    };
    push_number(line, cents / 100, 1);
    line.push(b'.');
    if cents % 10 == 0 {
        push_number(line, cents / 10 % 10, 1);
    } else {
        push_number(line, cents % 100, 2);
    }
}

fn push_time(line: &mut Vec<u8>, seconds: i64, nanoseconds: u32) {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b' '),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
    ];
    for (number, digits, mark) in parts {
        push_number(line, number.unsigned_abs(), digits);
        line.push(mark);
    }
    push_number(line, u64::from(nanoseconds), 9);
}

/// A number with leading zeros up to `digits_min` digits.
fn push_number(line: &mut Vec<u8>, mut number: u64, digits_min: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while number > 0 {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    line.extend_from_slice(&digits[start.min(digits.len() - digits_min)..]);
}

fn push_hex<const N: usize>(line: &mut Vec<u8>, words: [u32; N]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in words.into_iter().flat_map(u32::to_be_bytes) {
        line.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_python_prints_floats() {
        for (cents, text) in [
            (10190, "101.9"),
            (2682, "26.82"),
            (6000, "60.0"),
            (5, "0.05"),
            (0, "0.0"),
        ] {
            let mut line = Vec::new();
            push_cents(&mut line, Some(cents));
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }

    #[test]
    fn numbers_grow_beyond_their_digits() {
        for (number, text) in [
            (0, "00000"),
            (695, "00695"),
            (1_234_567, "1234567"),
            (u64::MAX, "18446744073709551615"),
        ] {
            let mut line = Vec::new();
            push_number(&mut line, number, 5);
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }
}

//! `MessagePack` and CBOR: values as those of JSON, to be looked at. What the parser takes of them it says itself.

use super::node::{Node, Scalar};
use crate::record::{MAX_DEPTH, half, write_time};

/// A binary format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    MessagePack,
    Cbor,
}

impl Binary {
    /// What the configuration calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
        }
    }

    /// The map that a record is; `None` for what is none in this format, or more than one.
    pub(super) fn record(self, bytes: &[u8]) -> Option<Node> {
        let mut rest = Rest(bytes);
        let node = match self {
            Self::MessagePack => rest.message_pack(0)?,
            Self::Cbor => rest.cbor(0)?,
        };
        (rest.0.is_empty() && matches!(node, Node::Object(_))).then_some(node)
    }
}

/// The bytes that are left.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A whole number of so many bytes, the most significant one first.
    fn unsigned(&mut self, size: usize) -> Option<u64> {
        let bytes = self.bytes(size)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, size: usize) -> Option<usize> {
        usize::try_from(self.unsigned(size)?).ok()
    }

    fn text(&mut self, length: usize) -> Option<Node> {
        let text = std::str::from_utf8(self.bytes(length)?).ok()?;
        Some(Node::Scalar(Scalar::Text(text.to_owned())))
    }

    fn list(&mut self, length: usize, item: impl Fn(&mut Self) -> Option<Node>) -> Option<Node> {
        // A length is only believed as far as there are bytes.
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(item(self)?);
        }
        Some(Node::List(items))
    }

    fn map(&mut self, length: usize, item: impl Fn(&mut Self) -> Option<Node>) -> Option<Node> {
        let mut entries = Vec::new();
        for _ in 0..length {
            entries.push((item(self)?, item(self)?));
        }
        Some(object(entries))
    }

    /// Source: <https://github.com/msgpack/msgpack/blob/master/spec.md>.
    fn message_pack(&mut self, depth: usize) -> Option<Node> {
        let item = |rest: &mut Self| rest.message_pack(depth + 1);
        if depth > MAX_DEPTH {
            return None;
        }
        let kind = self.bytes(1)?[0];
        match kind {
            0x00..=0x7f => Some(number(kind)),
            0x80..=0x8f => self.map(usize::from(kind & 0x0f), item),
            0x90..=0x9f => self.list(usize::from(kind & 0x0f), item),
            0xa0..=0xbf => self.text(usize::from(kind & 0x1f)),
            0xc2 | 0xc3 => Some(Node::Scalar(Scalar::Bool(kind == 0xc3))),
            0xc4..=0xc6 => {
                let length = self.length(1 << (kind - 0xc4))?;
                self.bytes(length).map(|_| NOTHING)
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (kind - 0xc7))?;
                self.extension(length)
            }
            0xca => Some(float(f32::from_bits(u32::try_from(self.unsigned(4)?).ok()?).into())),
            0xcb => Some(float(f64::from_bits(self.unsigned(8)?))),
            0xcc..=0xcf => Some(number(self.unsigned(1 << (kind - 0xcc))?)),
            0xd0..=0xd3 => {
                let size = 1 << (kind - 0xd0);
                let unused = 64 - 8 * size;
                // The sign stands in the first bit.
                Some(number((self.unsigned(size)? << unused).cast_signed() >> unused))
            }
            0xd4..=0xd8 => self.extension(1 << (kind - 0xd4)),
            0xd9..=0xdb => {
                let length = self.length(1 << (kind - 0xd9))?;
                self.text(length)
            }
            0xdc | 0xdd => {
                let length = self.length(2 << (kind - 0xdc))?;
                self.list(length, item)
            }
            0xde | 0xdf => {
                let length = self.length(2 << (kind - 0xde))?;
                self.map(length, item)
            }
            0xe0..=0xff => Some(number(kind.cast_signed())),
            0xc0 => Some(NOTHING),
            0xc1 => None,
        }
    }

    /// An extension: of type −1 it is a time.
    fn extension(&mut self, length: usize) -> Option<Node> {
        let is_time = self.bytes(1)?[0] == 0xff;
        let mut content = Rest(self.bytes(length)?);
        let seconds = match length {
            4 => content.unsigned(4)?.cast_signed(),
            8 => (content.unsigned(8)? & 0x3_ffff_ffff).cast_signed(),
            12 => {
                content.bytes(4)?;
                content.unsigned(8)?.cast_signed()
            }
            _ => return Some(NOTHING),
        };
        Some(if is_time { time(seconds) } else { NOTHING })
    }

    /// Source: RFC 8949.
    fn cbor(&mut self, depth: usize) -> Option<Node> {
        let item = |rest: &mut Self| rest.cbor(depth + 1);
        if depth > MAX_DEPTH {
            return None;
        }
        let first = self.bytes(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => Some(self.unsigned(1 << (info - 24))?),
            31 => None,
            _ => return None,
        };
        match (major, argument) {
            (0, Some(value)) => Some(number(value)),
            (1, Some(value)) => Some(number(-1 - i128::from(value))),
            (2, Some(length)) => self.bytes(usize::try_from(length).ok()?).map(|_| NOTHING),
            (3, Some(length)) => self.text(usize::try_from(length).ok()?),
            (4, Some(length)) => self.list(usize::try_from(length).ok()?, item),
            (5, Some(length)) => self.map(usize::try_from(length).ok()?, item),
            (6, Some(tag)) => {
                let value = self.cbor(depth + 1)?;
                Some(if tag == 1 { time_of(&value)? } else { value })
            }
            (7, Some(bits)) => simple(info, bits),
            // Of lengths that are not said before; texts in parts are rare, and not looked at.
            (4 | 5, None) => self.until_break(major == 5, item),
            _ => None,
        }
    }

    fn until_break(
        &mut self,
        is_map: bool,
        item: impl Fn(&mut Self) -> Option<Node>,
    ) -> Option<Node> {
        let mut items = Vec::new();
        while self.0.first() != Some(&0xff) {
            items.push(item(self)?);
        }
        self.bytes(1)?;
        if !is_map {
            return Some(Node::List(items));
        }
        let mut items = items.into_iter();
        let entries = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
        Some(object(entries))
    }
}

/// Keys that are neither texts nor numbers lead nowhere.
fn object(entries: impl IntoIterator<Item = (Node, Node)>) -> Node {
    let named = entries.into_iter().filter_map(|(key, value)| match key {
        Node::Scalar(Scalar::Text(key) | Scalar::Number(key)) => Some((key, value)),
        _ => None,
    });
    Node::Object(named.collect())
}

/// What is neither a text nor a number.
const NOTHING: Node = Node::Scalar(Scalar::Null);

fn number(number: impl std::fmt::Display) -> Node {
    Node::Scalar(Scalar::Number(number.to_string()))
}

fn float(value: f64) -> Node {
    if value.is_finite() { number(serde_json::Value::from(value)) } else { NOTHING }
}

/// A time as a text that says by itself when it is, as the format does.
fn time(seconds: i64) -> Node {
    Node::Scalar(Scalar::Text(write_time(seconds.saturating_mul(1_000_000))))
}

/// The seconds of tag 1.
fn time_of(value: &Node) -> Option<Node> {
    let Node::Scalar(scalar) = value else { return None };
    // The parser reads a fraction as well; which second it is says enough here.
    scalar.written().split('.').next()?.parse().ok().map(time)
}

/// Truths, null and floats.
fn simple(info: u8, bits: u64) -> Option<Node> {
    Some(match info {
        20 | 21 => Node::Scalar(Scalar::Bool(info == 21)),
        25 => float(half(bits)),
        26 => float(f32::from_bits(u32::try_from(bits).ok()?).into()),
        27 => float(f64::from_bits(bits)),
        _ => NOTHING,
    })
}

//! Values of Protobuf that are no messages.

use std::borrow::Cow;
use std::sync::Arc;

use prost_reflect::Kind;

use super::super::fields::Fields;
use super::super::number::Number;
use super::super::walk::Walk;
use super::super::{Rejection, text_of};
use super::wire::{Input, Wire, invalid};

/// The type of a value.
#[derive(Debug, Clone)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    Text,
    Bytes,
    /// The names of its numbers; the first is that of the default.
    Enum(Arc<[(i32, String)]>),
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Number(Number),
    Bool(bool),
    Text(&'a [u8]),
    Bytes,
    /// The number of an enumeration.
    Symbol(i32),
}

impl Scalar {
    /// The type of a field; `None` for messages.
    pub(super) fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Double => Self::Double,
            Kind::Float => Self::Float,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::Uint32,
            Kind::Uint64 => Self::Uint64,
            Kind::Sint32 => Self::Sint32,
            Kind::Sint64 => Self::Sint64,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::Sfixed32,
            Kind::Sfixed64 => Self::Sfixed64,
            Kind::Bool => Self::Bool,
            Kind::String => Self::Text,
            Kind::Bytes => Self::Bytes,
            Kind::Enum(symbols) => {
                let default = symbols.default_value();
                let others = symbols.values().filter(|value| value.number() != default.number());
                let all = std::iter::once(default.clone()).chain(others);
                Self::Enum(all.map(|value| (value.number(), value.name().to_owned())).collect())
            }
            Kind::Message(_) => return None,
        })
    }

    /// How it is written where it stands alone; all but texts and bytes may stand in a packed list.
    pub(super) const fn wire(&self) -> Wire {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => Wire::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => Wire::Fixed32,
            Self::Text | Self::Bytes => Wire::Bytes,
            _ => Wire::Varint,
        }
    }

    /// The value of a field that is not written.
    pub(super) fn default(&self) -> Value<'static> {
        match self {
            Self::Double | Self::Float => Value::Number(Number::Float(0.0)),
            Self::Uint64 => Value::Number(Number::Unsigned(0)),
            Self::Bool => Value::Bool(false),
            Self::Text => Value::Text(&[]),
            Self::Bytes => Value::Bytes,
            Self::Enum(symbols) => Value::Symbol(symbols.first().map_or(0, |(number, _)| *number)),
            _ => Value::Number(Number::Integer(0)),
        }
    }

    /// Reads a value.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is too long loses its highest bits, as is specified"
    )]
    pub(super) fn read<'a>(
        &self,
        wire: Wire,
        input: &mut Input<'a>,
    ) -> Result<Value<'a>, Rejection> {
        if wire != self.wire() {
            return Err(invalid("a field is written as a value of another type than the schema's"));
        }
        let integer = |number| Value::Number(Number::Integer(number));
        Ok(match self {
            Self::Double => Value::Number(Number::Float(f64::from_le_bytes(input.take()?))),
            Self::Float => Value::Number(Number::Float(f32::from_le_bytes(input.take()?).into())),
            Self::Int32 => integer((input.varint()? as u32).cast_signed().into()),
            Self::Int64 => integer(input.varint()?.cast_signed()),
            Self::Uint32 => integer((input.varint()? as u32).into()),
            Self::Uint64 => Value::Number(Number::Unsigned(input.varint()?)),
            Self::Sint32 => integer(zigzag((input.varint()? as u32).into())),
            Self::Sint64 => integer(zigzag(input.varint()?)),
            Self::Fixed32 => integer(u32::from_le_bytes(input.take()?).into()),
            Self::Fixed64 => Value::Number(Number::Unsigned(u64::from_le_bytes(input.take()?))),
            Self::Sfixed32 => integer(i32::from_le_bytes(input.take()?).into()),
            Self::Sfixed64 => integer(i64::from_le_bytes(input.take()?)),
            Self::Bool => Value::Bool(input.varint()? != 0),
            Self::Text => Value::Text(input.delimited()?),
            Self::Bytes => {
                input.delimited()?;
                Value::Bytes
            }
            Self::Enum(_) => Value::Symbol((input.varint()? as u32).cast_signed()),
        })
    }

    /// Reads a value, and sets the fields at a place; those that are most common without a way round.
    #[inline]
    pub(super) fn take(
        &self,
        wire: Wire,
        input: &mut Input<'_>,
        walk: &mut Walk<'_>,
        node: usize,
    ) -> Result<(), Rejection> {
        match (self, wire) {
            (Self::Double, Wire::Fixed64) => {
                let number = Number::Float(f64::from_le_bytes(input.take()?));
                walk.set_number(Some(node), number);
                Ok(())
            }
            (Self::Text, Wire::Bytes) => walk.set_text(Some(node), input.delimited()?),
            _ => self.set(self.read(wire, input)?, walk, node),
        }
    }

    /// Sets the fields at a place.
    #[inline]
    pub(super) fn set(
        &self,
        value: Value<'_>,
        walk: &mut Walk<'_>,
        node: usize,
    ) -> Result<(), Rejection> {
        let node = Some(node);
        match value {
            Value::Number(number) => walk.set_number(node, number),
            Value::Bool(truth) => walk.set(node, |fields, slot| fields.set_bool(slot, truth)),
            Value::Text(text) => return walk.set_text(node, text),
            Value::Bytes => walk.set(node, Fields::set_opaque),
            Value::Symbol(number) => match self.symbol(number) {
                Some(name) => return walk.set_text(node, name.as_bytes()),
                None => walk.set_number(node, Number::Integer(number.into())),
            },
        }
        Ok(())
    }

    fn symbol(&self, number: i32) -> Option<&str> {
        let Self::Enum(symbols) = self else { return None };
        symbols.iter().find(|(known, _)| *known == number).map(|(_, name)| name.as_str())
    }
}

impl<'a> Value<'a> {
    /// The value as a part of a path: keys of maps are texts, whole numbers and truths.
    pub(super) fn as_key(self) -> Result<Cow<'a, str>, Rejection> {
        Ok(match self {
            Self::Number(number) => number.to_string().into(),
            Self::Bool(truth) => (if truth { "true" } else { "false" }).into(),
            Self::Text(text) => text_of(text)?.into(),
            Self::Bytes | Self::Symbol(_) => return Err(invalid("no such key of a map")),
        })
    }
}

/// The sign stands in the lowest bit.
pub(super) const fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

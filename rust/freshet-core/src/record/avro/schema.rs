//! Avro's schemas, as far as data written with them have to be walked.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, Name, RecordSchema, UuidSchema};

use super::super::path::Path;

/// A schema with which records are written; as a text it is Avro's JSON.
#[derive(Clone, PartialEq)]
pub struct AvroSchema {
    text: String,
    types: Vec<Type>,
    root: TypeId,
}

/// The position of a type in a schema's list, so that a type may contain itself.
pub(super) type TypeId = usize;

/// What stands in the bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Null,
    Boolean,
    /// An `int` or a `long`, which are written alike; also a time of day.
    Integer,
    /// A number that is a time, with the power of ten by which it has to be taken to be microseconds.
    Timestamp(i32),
    /// Days since 1970-01-01.
    Date,
    Float,
    Double,
    Text,
    Bytes,
    Fixed(usize),
    /// A whole number in bytes, of a fixed size or with its length before it, and the digits after the point.
    Decimal(Option<usize>, usize),
    Enum(Vec<String>),
    Array(TypeId),
    Map(TypeId),
    Union(Vec<TypeId>),
    Record(Vec<Field>),
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Its name and then its aliases.
    pub(super) names: Vec<String>,
    pub(super) kind: TypeId,
}

impl AvroSchema {
    /// Reads a schema that names types of others, its references: their texts, each behind those that it names types of
    /// itself.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the name of the schema.
    pub fn with_references(text: &str, references: &[String]) -> Result<Self, String> {
        let (parsed, others) = Schema::parse_str_with_list(text, references)
            .map_err(|error| format!("is no schema of Avro: {error}"))?;
        let mut translation = Translation::default();
        for schema in &others {
            translation.add(schema, None)?;
        }
        let root = translation.add(&parsed, None)?;
        let schema = Self { text: text.to_owned(), types: translation.types, root };
        if !schema.is_of_records(root) {
            return Err("is no schema of records, and nothing else has fields".to_owned());
        }
        Ok(schema)
    }

    pub(super) const fn root(&self) -> TypeId {
        self.root
    }

    pub(super) fn get(&self, kind: TypeId) -> &Type {
        &self.types[kind]
    }

    /// Whether records may have something at that place.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.leads_on(self.root, path.segments())
    }

    fn leads_on(&self, kind: TypeId, path: &[String]) -> bool {
        let below = |kind: TypeId| path.get(1..).is_some_and(|rest| self.leads_on(kind, rest));
        match self.get(kind) {
            Type::Union(branches) => branches.iter().any(|branch| self.leads_on(*branch, path)),
            _ if path.is_empty() => true,
            Type::Record(fields) => {
                find_field(fields, &path[0]).is_some_and(|field| below(field.kind))
            }
            Type::Map(values) => below(*values),
            Type::Array(items) => path[0].parse::<usize>().is_ok() && below(*items),
            _ => false,
        }
    }

    /// Whether a record has keys or fields at all.
    fn is_of_records(&self, kind: TypeId) -> bool {
        match self.get(kind) {
            Type::Record(_) | Type::Map(_) => true,
            Type::Union(branches) => branches.iter().any(|branch| self.is_of_records(*branch)),
            _ => false,
        }
    }
}

/// The field of that name or, where there is none, with that alias.
pub(super) fn find_field<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    let by_name = fields.iter().find(|field| field.names.first().is_some_and(|own| own == name));
    by_name.or_else(|| fields.iter().find(|field| field.names.iter().any(|known| known == name)))
}

impl FromStr for AvroSchema {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::with_references(text, &[])
    }
}

impl fmt::Display for AvroSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AvroSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AvroSchema({})", self.text)
    }
}

crate::text::serde_as_text!(AvroSchema);

/// The types so far, and those that have a name.
#[derive(Default)]
struct Translation {
    types: Vec<Type>,
    named: HashMap<String, TypeId>,
}

impl Translation {
    fn add(&mut self, schema: &Schema, namespace: Option<&str>) -> Result<TypeId, String> {
        let kind = match schema {
            Schema::Null => Type::Null,
            Schema::Boolean => Type::Boolean,
            Schema::Int | Schema::Long | Schema::TimeMillis | Schema::TimeMicros => Type::Integer,
            Schema::Float => Type::Float,
            Schema::Double => Type::Double,
            Schema::Bytes | Schema::BigDecimal | Schema::Uuid(UuidSchema::Bytes) => Type::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Type::Text,
            Schema::Date => Type::Date,
            Schema::TimestampMillis | Schema::LocalTimestampMillis => Type::Timestamp(3),
            Schema::TimestampMicros | Schema::LocalTimestampMicros => Type::Timestamp(0),
            Schema::TimestampNanos | Schema::LocalTimestampNanos => Type::Timestamp(-3),
            Schema::Array(array) => Type::Array(self.add(&array.items, namespace)?),
            Schema::Map(map) => Type::Map(self.add(&map.types, namespace)?),
            Schema::Union(union) => {
                let branches = union.variants().iter().map(|branch| self.add(branch, namespace));
                Type::Union(branches.collect::<Result<_, _>>()?)
            }
            Schema::Record(record) => return self.add_record(record, namespace),
            Schema::Enum(kind) => {
                return Ok(self.push_named(
                    &kind.name,
                    namespace,
                    Type::Enum(kind.symbols.clone()),
                ));
            }
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                return Ok(self.push_named(&fixed.name, namespace, Type::Fixed(fixed.size)));
            }
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Type::Decimal(None, decimal.scale),
                InnerDecimalSchema::Fixed(fixed) => {
                    let kind = Type::Decimal(Some(fixed.size), decimal.scale);
                    return Ok(self.push_named(&fixed.name, namespace, kind));
                }
            },
            Schema::Ref { name } => return self.find(name, namespace),
        };
        Ok(self.push(kind))
    }

    fn push(&mut self, kind: Type) -> TypeId {
        self.types.push(kind);
        self.types.len() - 1
    }

    fn push_named(&mut self, name: &Name, namespace: Option<&str>, kind: Type) -> TypeId {
        let at = self.push(kind);
        self.named.insert(name.fullname(namespace), at);
        at
    }

    fn add_record(
        &mut self,
        record: &RecordSchema,
        namespace: Option<&str>,
    ) -> Result<TypeId, String> {
        // It has its name before it is complete: its fields may contain it.
        let at = self.push_named(&record.name, namespace, Type::Null);
        let namespace = record.name.namespace().or(namespace);
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            let names = std::iter::once(&field.name).chain(&field.aliases).cloned().collect();
            fields.push(Field { names, kind: self.add(&field.schema, namespace)? });
        }
        self.types[at] = Type::Record(fields);
        Ok(at)
    }

    fn find(&self, name: &Name, namespace: Option<&str>) -> Result<TypeId, String> {
        let found = [namespace, None]
            .into_iter()
            .find_map(|namespace| self.named.get(&name.fullname(namespace)).copied());
        found.ok_or_else(|| format!("has no type '{}'", name.fullname(None)))
    }
}

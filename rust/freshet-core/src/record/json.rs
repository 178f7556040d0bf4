//! JSON records: RFC 8259, one object per record, parsed by `sonic-rs` straight into the slots.
//!
//! The whole text is validated, also what no field asks for. Of duplicate keys the last one counts, as in Spark.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::fields::{Captured, Fields};
use super::path::Path;
use super::{MAX_DEPTH, Rejection, RowReader};
use crate::wire::ReasonCode;

/// Finds fields by their paths.
pub(super) struct JsonReader {
    root: Node,
}

/// A place in the record that is on the way to a field, or a field itself.
#[derive(Debug, Default)]
struct Node {
    children: Vec<Child>,
    /// The slots of the fields at this very place.
    slots: Vec<usize>,
}

#[derive(Debug)]
struct Child {
    key: String,
    /// The key as the index of a list, where it is a number.
    index: Option<usize>,
    node: Node,
}

impl JsonReader {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let mut root = Node::default();
        for (slot, path) in paths.iter().enumerate() {
            let place = path.segments().iter().fold(&mut root, |node, key| node.child(key));
            place.slots.push(slot);
        }
        Self { root }
    }
}

impl Node {
    fn child(&mut self, key: &str) -> &mut Node {
        let position = self.children.iter().position(|child| child.key == key);
        let position = position.unwrap_or_else(|| {
            let index = key.parse().ok();
            self.children.push(Child { key: key.to_owned(), index, node: Node::default() });
            self.children.len() - 1
        });
        &mut self.children[position].node
    }

    fn find_key(&self, key: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.key == key).map(|child| &child.node)
    }

    fn find_index(&self, index: usize) -> Option<&Node> {
        self.children.iter().find(|child| child.index == Some(index)).map(|child| &child.node)
    }

    /// Forgets what an earlier key of the same name left at this place and below.
    fn forget(&self, fields: &mut Fields) {
        for slot in &self.slots {
            fields.set(*slot, Captured::Missing);
        }
        for child in &self.children {
            child.node.forget(fields);
        }
    }
}

impl RowReader for JsonReader {
    fn read(
        &mut self,
        text: &str,
        fields: &mut Fields,
        mut accept: impl FnMut(&Fields) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        fields.clear();
        let too_deep = Cell::new(false);
        let value =
            Value { node: Some(&self.root), fields: &mut *fields, depth: 0, too_deep: &too_deep };
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        let parsed = value.deserialize(&mut deserializer).and_then(|kind| {
            deserializer.end()?;
            Ok(kind)
        });
        match parsed {
            Ok(Kind::Object) => accept(fields),
            Ok(Kind::Other) => Err(Rejection::new(ReasonCode::InvalidJson, "not an object")),
            Err(_) if too_deep.get() => {
                let detail = format!("nested deeper than {MAX_DEPTH}");
                Err(Rejection::new(ReasonCode::TooDeep, detail))
            }
            Err(error) => {
                Err(Rejection::new(ReasonCode::InvalidJson, first_line(&error.to_string())))
            }
        }
    }
}

/// The parser's message goes on with an excerpt of the record; the dead letter has the record itself.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// What a value was.
enum Kind {
    Object,
    Other,
}

/// Reads one value: into the slots of its node, or, without a node, only to validate it.
struct Value<'a> {
    node: Option<&'a Node>,
    fields: &'a mut Fields,
    depth: usize,
    too_deep: &'a Cell<bool>,
}

impl Value<'_> {
    fn capture(self, captured: Captured) {
        for slot in self.node.into_iter().flat_map(|node| &node.slots) {
            self.fields.set(*slot, captured);
        }
    }

    /// Enters an object or list.
    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        if self.depth == MAX_DEPTH {
            self.too_deep.set(true);
            return Err(E::custom("too deep"));
        }
        self.depth += 1;
        for slot in self.node.into_iter().flat_map(|node| &node.slots) {
            self.fields.set(*slot, Captured::Nested);
        }
        Ok(())
    }

    fn inside<'b>(&'b mut self, node: Option<&'b Node>) -> Value<'b> {
        if let Some(node) = node {
            node.forget(self.fields);
        }
        Value { node, fields: self.fields, depth: self.depth, too_deep: self.too_deep }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Kind;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        self.capture(Captured::Null);
        Ok(Kind::Other)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Kind, E> {
        self.capture(Captured::Bool(truth));
        Ok(Kind::Other)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Kind, E> {
        self.capture(Captured::Integer(number));
        Ok(Kind::Other)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Kind, E> {
        self.capture(i64::try_from(number).map_or(Captured::Unsigned(number), Captured::Integer));
        Ok(Kind::Other)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Kind, E> {
        self.capture(Captured::Float(number));
        Ok(Kind::Other)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Kind, E> {
        for slot in self.node.into_iter().flat_map(|node| &node.slots) {
            self.fields.set_text(*slot, text);
        }
        Ok(Kind::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Kind, A::Error> {
        self.enter()?;
        for index in 0.. {
            let node = self.node.and_then(|node| node.find_index(index));
            if items.next_element_seed(self.inside(node))?.is_none() {
                break;
            }
        }
        Ok(Kind::Other)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Kind, A::Error> {
        self.enter()?;
        while let Some(node) = entries.next_key_seed(Key(self.node))? {
            entries.next_value_seed(self.inside(node))?;
        }
        Ok(Kind::Object)
    }
}

/// Reads a key and says which node it leads to.
struct Key<'a>(Option<&'a Node>);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a Node>;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Option<&'a Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.and_then(|node| node.find_key(key)))
    }
}

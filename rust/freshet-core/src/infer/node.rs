//! Values of a sample as they stand in it: nested ones, in the order in which they are written.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Scalar(Scalar),
    List(Vec<Node>),
    /// Of a key that is there twice, the last value.
    Object(IndexMap<String, Node>),
}

/// A value without values in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
}

impl Node {
    /// The documents of a text that has one after the other; `None` for what is no JSON, or not only objects and lists.
    pub(super) fn documents(text: &str) -> Option<Vec<Self>> {
        let stream = serde_json::Deserializer::from_str(text).into_iter::<Self>();
        let documents: Vec<Self> = stream.collect::<Result<_, _>>().ok()?;
        let is_container = |node: &Self| !matches!(node, Self::Scalar(_));
        (!documents.is_empty() && documents.iter().all(is_container)).then_some(documents)
    }

    /// The document inside a text: paths lead through it.
    pub(super) fn inside(text: &str) -> Option<Self> {
        let begins_like_one = text.trim_start().starts_with('{');
        begins_like_one.then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// What stands under these keys and indexes.
    pub(super) fn at(&self, keys: &[String]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| match node {
            Self::Object(entries) => entries.get(key),
            Self::List(items) => items.get(key.parse::<usize>().ok()?),
            Self::Scalar(_) => None,
        })
    }

    pub(super) fn is_container(&self) -> bool {
        !matches!(self, Self::Scalar(_))
    }
}

impl Scalar {
    /// What is written there; nothing for null.
    pub(super) fn written(&self) -> &str {
        match self {
            Self::Null => "",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(text) | Self::Text(text) => text,
        }
    }

    /// The number that it is, or that a text stands for.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            Self::Text(text) => number_of(text),
            Self::Null | Self::Bool(_) => None,
        }
    }
}

/// The number that a text stands for: its first sign is no letter, so that `inf` and `nan` are none.
pub(super) fn number_of(text: &str) -> Option<f64> {
    let begins_like_one = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    let number: Option<f64> = (begins_like_one && has_digit).then(|| text.parse().ok()).flatten();
    number.filter(|number| number.is_finite())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl NodeVisitor {
    fn number(number: impl fmt::Display) -> Node {
        Node::Scalar(Scalar::Number(number.to_string()))
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar::Null))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar::Bool(truth)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Self::number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Self::number(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        // As JSON writes it: a whole one keeps its `.0`.
        Ok(Self::number(serde_json::Value::from(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Scalar::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut object = IndexMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            object.insert(key, value);
        }
        Ok(Node::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_in_their_order_and_numbers_as_they_are_written() {
        let text = r#"{"b":1,"a":[-9999,2.50,1.0,20260131115900]} {"b":null}"#;
        let documents = Node::documents(text).unwrap();
        let Node::Object(first) = &documents[0] else { panic!() };
        assert_eq!(first.keys().collect::<Vec<_>>(), ["b", "a"]);
        let at = |index: &str| documents[0].at(&["a".to_owned(), index.to_owned()]).cloned();
        let number = |text: &str| Some(Node::Scalar(Scalar::Number(text.to_owned())));
        assert_eq!(at("0"), number("-9999"));
        assert_eq!(at("2"), number("1.0"));
        assert_eq!(at("3"), number("20260131115900"));
        for text in ["", "1", "{} 1", "{", "a,b"] {
            assert_eq!(Node::documents(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_stands_for_a_number_by_its_digits() {
        for (text, number) in [("21.5", Some(21.5)), ("-.5", Some(-0.5)), ("+1e3", Some(1000.0))] {
            assert_eq!(number_of(text), number, "{text}");
        }
        for text in ["", "inf", "nan", "-inf", "1,5", "1.2.3", "0x10", "-", "1e999"] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }
}

//! What is read where: the descriptors and the tree of the wanted fields in one, so that no name is looked up in a
//! record. Fields that nobody wants have no place in it.

use prost_reflect::{FieldDescriptor, Kind as FieldKind, MessageDescriptor};

use super::super::tree::{ROOT, Tree};
use super::scalar::Scalar;

/// How messages of one type are read.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first is the record's own.
    pub(super) messages: Vec<Message>,
    /// How many lists and maps count their items.
    pub(super) counters: usize,
    /// How many times are put together of their parts.
    pub(super) times: usize,
}

/// A message at one place of a record.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) node: usize,
    /// Whether the message stands for the only value in it, at the same place.
    pub(super) is_value: bool,
    pub(super) fields: Vec<Field>,
    /// The numbers of the fields, side by side: each field of a record is looked for among them.
    pub(super) numbers: Vec<u32>,
    /// What has a value as well where it is not written.
    pub(super) defaults: Vec<(usize, Scalar)>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) shape: Shape,
    /// What does not count any more once this field is there: the others of a `oneof`.
    pub(super) rivals: Vec<Target>,
}

#[derive(Debug)]
pub(super) enum Shape {
    /// Nothing of it is wanted.
    Other,
    Single(Target),
    List(List),
    Map(Map),
}

#[derive(Debug)]
pub(super) struct List {
    pub(super) node: usize,
    pub(super) counter: usize,
    /// The type of the items; `None` for messages.
    pub(super) scalar: Option<Scalar>,
    /// The items that are wanted.
    pub(super) wanted: Vec<(usize, Target)>,
}

#[derive(Debug)]
pub(super) struct Map {
    pub(super) node: usize,
    pub(super) counter: usize,
    pub(super) key: Scalar,
    pub(super) wanted: Vec<(String, Target)>,
}

/// What stands at a place.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) node: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    /// The message's position in the plan.
    Message(usize),
    /// A `Timestamp`, with the position of its parts.
    Time(usize),
}

const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// Messages that stand for the value in them, so that it may be left out.
const WRAPPERS: [&str; 9] = [
    "google.protobuf.DoubleValue",
    "google.protobuf.FloatValue",
    "google.protobuf.Int64Value",
    "google.protobuf.UInt64Value",
    "google.protobuf.Int32Value",
    "google.protobuf.UInt32Value",
    "google.protobuf.BoolValue",
    "google.protobuf.StringValue",
    "google.protobuf.BytesValue",
];

impl Plan {
    pub(super) fn new(message: &MessageDescriptor, tree: &Tree) -> Self {
        let plan = Self { messages: Vec::new(), counters: 0, times: 0 };
        let mut planning = Planning { tree, plan };
        planning.message(message, ROOT, false);
        planning.plan
    }
}

struct Planning<'a> {
    tree: &'a Tree,
    plan: Plan,
}

impl Planning<'_> {
    fn message(&mut self, message: &MessageDescriptor, node: usize, is_value: bool) -> usize {
        let at = self.plan.messages.len();
        let (fields, numbers, defaults) = Default::default();
        self.plan.messages.push(Message { node, is_value, fields, numbers, defaults });
        // Groups are passed over; all others have a place only where they are wanted, or end what is.
        for field in message.fields().filter(|field| !field.is_group()) {
            let below = if is_value { Some(node) } else { self.tree.find_key(node, field.name()) };
            let shape = below.map_or(Shape::Other, |node| self.shape(&field, node));
            if let (Shape::Single(Target { node, kind: Kind::Scalar(scalar) }), false) =
                (&shape, field.supports_presence())
            {
                self.plan.messages[at].defaults.push((*node, scalar.clone()));
            }
            let field = Field { number: field.number(), shape, rivals: Vec::new() };
            self.plan.messages[at].fields.push(field);
        }
        self.add_rivals(message, at);
        let is_read =
            |field: &Field| !matches!(field.shape, Shape::Other) || !field.rivals.is_empty();
        let message = &mut self.plan.messages[at];
        message.fields.retain(is_read);
        message.numbers = message.fields.iter().map(|field| field.number).collect();
        at
    }

    /// Of each field the others of its `oneof` that are wanted.
    fn add_rivals(&mut self, message: &MessageDescriptor, at: usize) {
        for oneof in message.oneofs() {
            let members: Vec<u32> = oneof.fields().map(|field| field.number()).collect();
            let fields = &mut self.plan.messages[at].fields;
            let wanted: Vec<(u32, Target)> = fields
                .iter()
                .filter(|field| members.contains(&field.number))
                .filter_map(|field| match &field.shape {
                    Shape::Single(target) => Some((field.number, target.clone())),
                    _ => None,
                })
                .collect();
            for field in fields.iter_mut().filter(|field| members.contains(&field.number)) {
                let others = wanted.iter().filter(|(number, _)| *number != field.number);
                field.rivals = others.map(|(_, target)| target.clone()).collect();
            }
        }
    }

    fn shape(&mut self, field: &FieldDescriptor, node: usize) -> Shape {
        match field.kind() {
            FieldKind::Message(entry) if field.is_map() => self.map(&entry, node),
            kind if field.is_list() => self.list(&kind, node),
            kind => Shape::Single(self.target(&kind, node)),
        }
    }

    fn list(&mut self, kind: &FieldKind, node: usize) -> Shape {
        let counter = self.counter();
        let indexes = self.tree.indexes(node).into_iter();
        let wanted = indexes.map(|(index, node)| (index, self.target(kind, node))).collect();
        Shape::List(List { node, counter, scalar: Scalar::of(kind), wanted })
    }

    fn map(&mut self, entry: &MessageDescriptor, node: usize) -> Shape {
        let value = entry.map_entry_value_field().kind();
        let Some(key) = Scalar::of(&entry.map_entry_key_field().kind()) else {
            return Shape::Other;
        };
        let counter = self.counter();
        let keys = self.tree.keys(node).into_iter();
        let wanted = keys.map(|(key, node)| (key, self.target(&value, node))).collect();
        Shape::Map(Map { node, counter, key, wanted })
    }

    fn target(&mut self, kind: &FieldKind, node: usize) -> Target {
        Target { node, kind: self.kind(kind, node) }
    }

    fn kind(&mut self, kind: &FieldKind, node: usize) -> Kind {
        let message = match (Scalar::of(kind), kind) {
            (Some(scalar), _) => return Kind::Scalar(scalar),
            (None, FieldKind::Message(message)) => message,
            // All others are values.
            (None, _) => return Kind::Scalar(Scalar::Bytes),
        };
        // Whoever asks for its parts gets them.
        let is_whole = !self.tree.leads_further(node);
        if is_whole && message.full_name() == TIMESTAMP {
            self.plan.times += 1;
            return Kind::Time(self.plan.times - 1);
        }
        let is_value = is_whole && WRAPPERS.contains(&message.full_name());
        Kind::Message(self.message(message, node, is_value))
    }

    fn counter(&mut self) -> usize {
        self.plan.counters += 1;
        self.plan.counters - 1
    }
}

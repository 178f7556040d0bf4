//! Protobuf records: one message per record, read straight into the fields; all of one type, or each of that which the
//! id of a schema, and the place of the message in it, say before it.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>; of what stands before it
//! <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html>.

mod plan;
mod scalar;
mod schema;
mod wire;

use std::collections::HashMap;
use std::mem;

use foldhash::fast::RandomState;

use super::fields::Fields;
use super::framing::Framing;
use super::path::Path;
use super::tree::Tree;
use super::walk::{Walk, microseconds};
use super::{Rejection, RowReader, RowSink, unknown_schema};
use crate::wire::ReasonCode;

pub use schema::{ProtobufMessage, ProtobufSchema};

use plan::{Field, Kind, List, Map, Plan, Shape, Target};
use scalar::zigzag;
use wire::{Input, Wire, invalid};

/// Reads records that are one message each.
pub(super) struct ProtobufReader {
    tree: Tree,
    /// Whether the place of its type in the schema stands before each message.
    has_indexes: bool,
    plans: Vec<Plan>,
    /// By the ids of schemas, what is known of them; `None` where all records are of one type.
    ids: Option<Ids>,
    state: State,
}

/// What is known of schemas by their ids.
#[derive(Default)]
struct Ids {
    known: HashMap<u32, Result<ProtobufSchema, String>, RandomState>,
    /// That of the next record.
    chosen: u32,
    /// Which plan is for the type at which place of which schema.
    plans: Vec<(u32, Vec<usize>, usize)>,
}

/// What is known of the message so far. Parts of it may come again, and count together.
#[derive(Default)]
struct State {
    /// Of each message of the plan, whether it has begun.
    begun: Vec<bool>,
    /// Items of lists and maps.
    counters: Vec<usize>,
    /// Seconds and nanoseconds of times.
    times: Vec<(i64, i64)>,
}

/// Places are those of types within types: nobody nests them deeper.
const MOST_INDEXES: usize = 64;

impl ProtobufReader {
    /// A reader of records that are all of that type; without it each names its own schema, which has to be chosen
    /// before the record is read.
    pub(super) fn new(
        paths: &[&Path],
        message: Option<&ProtobufMessage>,
        framing: Framing,
    ) -> Self {
        let tree = Tree::new(paths);
        let plans = message.map(|message| Plan::new(message.descriptor(), &tree));
        Self {
            tree,
            has_indexes: framing != Framing::None,
            plans: plans.into_iter().collect(),
            ids: message.is_none().then(Ids::default),
            state: State::default(),
        }
    }

    /// Chooses the schema of the next record by its id; false where it has to be learned first.
    pub(super) fn choose_schema(&mut self, id: u32) -> Result<bool, Rejection> {
        let Some(ids) = &mut self.ids else { return Ok(true) };
        ids.chosen = id;
        match ids.known.get(&id) {
            None => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(why)) => Err(unknown_schema(id, why)),
        }
    }

    /// Takes the schema of an id; or why there is none that can be read with.
    pub(super) fn learn_schema(&mut self, id: u32, schema: Result<&ProtobufSchema, &str>) {
        if let Some(ids) = &mut self.ids {
            ids.known.insert(id, schema.cloned().map_err(str::to_owned));
            ids.plans.retain(|(known, ..)| *known != id);
        }
    }

    /// The plan for the next record, before which stands the place of its type.
    fn plan_behind_indexes(&mut self, input: &mut Input<'_>) -> Result<usize, Rejection> {
        let mut indexes = [0; MOST_INDEXES];
        let indexes = read_indexes(input, &mut indexes)?;
        self.plan(indexes)
    }

    /// The plan for the next record, whose type stands at that place of its schema.
    fn plan(&mut self, indexes: &[usize]) -> Result<usize, Rejection> {
        let Some(ids) = &mut self.ids else { return Ok(0) };
        let id = ids.chosen;
        let known = ids.plans.iter().find(|(of, at, _)| *of == id && at == indexes);
        if let Some((.., plan)) = known {
            return Ok(*plan);
        }
        let schema = ids.known.get(&id).and_then(|schema| schema.as_ref().ok());
        let message = schema.and_then(|schema| schema.message_at(indexes));
        let message = message.ok_or_else(|| {
            unknown_schema(id, &format!("there is no message at {indexes:?} in it"))
        })?;
        self.plans.push(Plan::new(&message, &self.tree));
        ids.plans.push((id, indexes.to_vec(), self.plans.len() - 1));
        Ok(self.plans.len() - 1)
    }
}

impl RowReader for ProtobufReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let mut input = Input(record);
        let plan = if self.has_indexes { self.plan_behind_indexes(&mut input)? } else { 0 };
        let plan =
            self.plans.get(plan).ok_or_else(|| invalid("nobody has said of which type it is"))?;
        self.state.begin(plan);
        let mut walk = Walk::new(input.0, &self.tree, fields, ReasonCode::InvalidProtobuf);
        let message = walk.bytes(input.0.len())?;
        let mut scan = Scan { walk, plan, state: &mut self.state };
        scan.message(0, message, 1)?;
        scan.set_defaults()?;
        rows.row(scan.walk.end()?)
    }
}

/// The place of a type in its schema: how many indexes, and these; a zero alone is the first type of all.
fn read_indexes<'a>(
    input: &mut Input<'_>,
    indexes: &'a mut [usize; MOST_INDEXES],
) -> Result<&'a [usize], Rejection> {
    let mut next =
        || usize::try_from(zigzag(input.varint()?)).map_err(|_| invalid("no such place"));
    let count = next()?;
    if count == 0 {
        return Ok(&indexes[..1]);
    }
    let found = indexes.get_mut(..count).ok_or_else(|| invalid("no such place of a message"))?;
    for index in found.iter_mut() {
        *index = next()?;
    }
    Ok(found)
}

impl State {
    fn begin(&mut self, plan: &Plan) {
        self.begun.clear();
        self.begun.resize(plan.messages.len(), false);
        self.counters.clear();
        self.counters.resize(plan.counters, 0);
        self.times.clear();
        self.times.resize(plan.times, (0, 0));
    }

    /// Counts an item, and says how many there were before.
    fn count(&mut self, counter: usize) -> usize {
        self.counters[counter] += 1;
        self.counters[counter] - 1
    }

    /// Forgets what was at a place that is now another's.
    fn forget(&mut self, kind: &Kind, plan: &Plan) {
        match kind {
            Kind::Scalar(_) => {}
            Kind::Time(time) => self.times[*time] = (0, 0),
            Kind::Message(message) => {
                self.begun[*message] = false;
                for field in &plan.messages[*message].fields {
                    self.forget_field(&field.shape, plan);
                }
            }
        }
    }

    fn forget_field(&mut self, shape: &Shape, plan: &Plan) {
        match shape {
            Shape::Other => {}
            Shape::Single(target) => self.forget(&target.kind, plan),
            Shape::List(List { counter, wanted, .. }) => self.forget_items(*counter, wanted, plan),
            Shape::Map(Map { counter, wanted, .. }) => self.forget_items(*counter, wanted, plan),
        }
    }

    fn forget_items<K>(&mut self, counter: usize, wanted: &[(K, Target)], plan: &Plan) {
        self.counters[counter] = 0;
        for (_, target) in wanted {
            self.forget(&target.kind, plan);
        }
    }
}

struct Scan<'a> {
    walk: Walk<'a>,
    plan: &'a Plan,
    state: &'a mut State,
}

impl<'a> Scan<'a> {
    /// Reads a message, or a part of one that comes in several.
    fn message(&mut self, at: usize, bytes: &'a [u8], depth: usize) -> Result<(), Rejection> {
        let message = &self.plan.messages[at];
        if !mem::replace(&mut self.state.begun[at], true) && !message.is_value {
            self.walk.enter(Some(message.node), depth)?;
        }
        let mut input = Input(bytes);
        while !input.is_empty() {
            let (number, wire) = input.tag()?;
            match message.numbers.iter().position(|known| *known == number) {
                Some(at) => self.field(&message.fields[at], wire, &mut input, depth)?,
                None => input.skip(number, wire, 0)?,
            }
        }
        Ok(())
    }

    /// Sets what has a value as well where it is not written, in all messages that are there.
    fn set_defaults(&mut self) -> Result<(), Rejection> {
        for (message, begun) in self.plan.messages.iter().zip(&self.state.begun) {
            for (node, scalar) in message.defaults.iter().filter(|_| *begun) {
                if self.walk.is_missing(*node) {
                    scalar.set(scalar.default(), &mut self.walk, *node)?;
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn field(
        &mut self,
        field: &'a Field,
        wire: Wire,
        input: &mut Input<'a>,
        depth: usize,
    ) -> Result<(), Rejection> {
        for rival in &field.rivals {
            self.forget(rival);
        }
        match &field.shape {
            Shape::Other => input.skip(field.number, wire, 0),
            Shape::Single(target) => self.target(target, wire, input, depth),
            Shape::List(list) => self.list(list, wire, input, depth),
            Shape::Map(map) => self.entry(map, wire, input, depth),
        }
    }

    #[inline]
    fn target(
        &mut self,
        target: &'a Target,
        wire: Wire,
        input: &mut Input<'a>,
        depth: usize,
    ) -> Result<(), Rejection> {
        match &target.kind {
            Kind::Scalar(scalar) => scalar.take(wire, input, &mut self.walk, target.node),
            Kind::Message(message) => self.message(*message, embedded(wire, input)?, depth + 1),
            Kind::Time(time) => self.time(*time, target.node, embedded(wire, input)?),
        }
    }

    /// Reads a `Timestamp`.
    fn time(&mut self, time: usize, node: usize, bytes: &[u8]) -> Result<(), Rejection> {
        let (mut seconds, mut nanoseconds) = self.state.times[time];
        let mut input = Input(bytes);
        while !input.is_empty() {
            match input.tag()? {
                (1, Wire::Varint) => seconds = input.varint()?.cast_signed(),
                (2, Wire::Varint) => nanoseconds = input.varint()?.cast_signed(),
                (number, wire) => input.skip(number, wire, 0)?,
            }
        }
        self.state.times[time] = (seconds, nanoseconds);
        let part = u32::try_from(nanoseconds).ok().filter(|part| *part < 1_000_000_000);
        let part = part.ok_or_else(|| invalid("a Timestamp has no such nanoseconds"))?;
        self.walk.set_time(Some(node), microseconds(seconds, part));
        Ok(())
    }

    /// Reads an item of a list, or several that are packed.
    fn list(
        &mut self,
        list: &'a List,
        wire: Wire,
        input: &mut Input<'a>,
        depth: usize,
    ) -> Result<(), Rejection> {
        let packed = list.scalar.as_ref().map(scalar::Scalar::wire);
        match packed {
            Some(of_items) if wire == Wire::Bytes && of_items != Wire::Bytes => {
                let mut items = Input(input.delimited()?);
                while !items.is_empty() {
                    self.item(list, of_items, &mut items, depth)?;
                }
                Ok(())
            }
            _ => self.item(list, wire, input, depth),
        }
    }

    fn item(
        &mut self,
        list: &'a List,
        wire: Wire,
        input: &mut Input<'a>,
        depth: usize,
    ) -> Result<(), Rejection> {
        let index = self.state.count(list.counter);
        if index == 0 {
            self.walk.enter(Some(list.node), depth + 1)?;
        }
        match list.wanted.iter().find(|(at, _)| *at == index) {
            Some((_, target)) => self.target(target, wire, input, depth + 1),
            None => input.skip(1, wire, 0),
        }
    }

    /// Reads an entry of a map, which takes the place of one with the same key.
    fn entry(
        &mut self,
        map: &'a Map,
        wire: Wire,
        input: &mut Input<'a>,
        depth: usize,
    ) -> Result<(), Rejection> {
        let entry = Input(embedded(wire, input)?);
        if self.state.count(map.counter) == 0 {
            self.walk.enter(Some(map.node), depth + 1)?;
        }
        let mut key = map.key.default();
        let mut rest = entry;
        while !rest.is_empty() {
            match rest.tag()? {
                (1, wire) => key = map.key.read(wire, &mut rest)?,
                (number, wire) => rest.skip(number, wire, 0)?,
            }
        }
        let key = key.as_key()?;
        let Some((_, target)) = map.wanted.iter().find(|(known, _)| *known == key) else {
            return Ok(());
        };
        self.forget(target);
        self.begin(target, depth + 1)?;
        let mut rest = entry;
        while !rest.is_empty() {
            match rest.tag()? {
                (2, wire) => self.target(target, wire, &mut rest, depth + 1)?,
                (number, wire) => rest.skip(number, wire, 0)?,
            }
        }
        Ok(())
    }

    /// Sets what is at a place that is there, whatever is written.
    fn begin(&mut self, target: &'a Target, depth: usize) -> Result<(), Rejection> {
        match &target.kind {
            Kind::Scalar(scalar) => scalar.set(scalar.default(), &mut self.walk, target.node),
            Kind::Message(message) => self.message(*message, &[], depth + 1),
            Kind::Time(time) => self.time(*time, target.node, &[]),
        }
    }

    fn forget(&mut self, target: &Target) {
        self.walk.set(Some(target.node), Fields::set_missing);
        self.state.forget(&target.kind, self.plan);
    }
}

/// The bytes of a message within another.
fn embedded<'a>(wire: Wire, input: &mut Input<'a>) -> Result<&'a [u8], Rejection> {
    match wire {
        Wire::Bytes => input.delimited(),
        _ => Err(invalid("a message is written as a value of another type than the schema's")),
    }
}

#[cfg(test)]
mod tests;

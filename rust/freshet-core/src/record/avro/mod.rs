//! Avro records: one datum per record, in binary encoding, read straight into the fields; all written with one schema,
//! or each with that whose id stands before it.
//!
//! Source: <https://avro.apache.org/docs/1.12.0/specification/>.

mod schema;

use std::collections::HashMap;
use std::io::Write as _;

use super::fields::Fields;
use super::number::{Number, read_float};
use super::path::Path;
use super::tree::{ROOT, Tree};
use super::walk::{Node, Walk};
use super::{MAX_RECORD_BYTES, Rejection, RowReader, RowSink, text_of, unknown_schema};
use crate::wire::ReasonCode;

pub use schema::AvroSchema;

use schema::{Type, TypeId};

/// Reads records that are one datum each.
pub(super) struct AvroReader {
    tree: Tree,
    /// How records are read, a plan for each schema.
    plans: Vec<Plan>,
    /// The plan of the next record.
    plan: usize,
    /// By the ids of schemas, which plan is whose; `None` where all records have one schema.
    ids: Option<Ids>,
}

/// What is known of schemas by their ids.
#[derive(Default)]
struct Ids {
    /// The plan of each; or why there is none.
    known: HashMap<u32, Result<usize, String>, foldhash::fast::RandomState>,
    /// That of the next record, which is mostly that of the one before.
    chosen: Option<u32>,
}

impl AvroReader {
    /// A reader of records that are all written with that schema; without it each has one of its own, which has to be
    /// chosen before the record is read.
    pub(super) fn new(paths: &[&Path], schema: Option<&AvroSchema>) -> Self {
        let tree = Tree::new(paths);
        let plans = schema.map_or_else(Vec::new, |schema| vec![Plan::new(schema, &tree)]);
        Self { tree, plans, plan: 0, ids: schema.is_none().then(Ids::default) }
    }

    /// Chooses the schema of the next record by its id; false where it has to be learned first.
    ///
    /// # Errors
    ///
    /// `unknown_schema` for one that cannot be read with.
    #[inline]
    pub(super) fn choose_schema(&mut self, id: u32) -> Result<bool, Rejection> {
        let Some(ids) = &mut self.ids else { return Ok(true) };
        if ids.chosen == Some(id) {
            return Ok(true);
        }
        match ids.known.get(&id) {
            None => Ok(false),
            Some(Ok(plan)) => {
                (self.plan, ids.chosen) = (*plan, Some(id));
                Ok(true)
            }
            Some(Err(why)) => Err(unknown_schema(id, why)),
        }
    }

    /// Takes the schema of an id; or why there is none that can be read with.
    pub(super) fn learn_schema(&mut self, id: u32, schema: Result<&AvroSchema, &str>) {
        let Some(ids) = &mut self.ids else { return };
        let plan = schema.map(|schema| {
            self.plans.push(Plan::new(schema, &self.tree));
            self.plans.len() - 1
        });
        ids.known.insert(id, plan.map_err(str::to_owned));
        ids.chosen = None;
    }
}

impl RowReader for AvroReader {
    fn read(
        &mut self,
        record: &[u8],
        fields: &mut Fields,
        mut rows: impl RowSink,
    ) -> Result<(), Rejection> {
        let walk = Walk::new(record, &self.tree, fields, ReasonCode::InvalidAvro);
        // A record without a schema has not been announced by an id: there is none that reads it.
        let Some(plan) = self.plans.get(self.plan) else {
            return Err(walk.invalid("nobody has said with which schema it is written"));
        };
        let mut scan = Scan { walk, steps: &plan.steps, items: 0 };
        scan.value(plan.root, 0)?;
        rows.row(scan.walk.end()?)
    }
}

type StepId = usize;

/// What is read where: the schema and the tree of the wanted fields in one, so that no name is looked up in a record.
struct Plan {
    steps: Vec<Step>,
    root: StepId,
}

struct Step {
    node: Node,
    kind: Kind,
}

/// A type with the steps to what it contains.
enum Kind {
    Scalar(Type),
    /// The items that fields are at or below, and the step of all others.
    Array(Vec<(usize, StepId)>, StepId),
    Map(Vec<(String, StepId)>, StepId),
    Union(Vec<StepId>),
    Record(Vec<StepId>),
}

impl Plan {
    fn new(schema: &AvroSchema, tree: &Tree) -> Self {
        let mut planning = Planning { schema, tree, steps: Vec::new(), known: HashMap::new() };
        let root = planning.step(schema.root(), Some(ROOT));
        Self { steps: planning.steps, root }
    }
}

struct Planning<'a> {
    schema: &'a AvroSchema,
    tree: &'a Tree,
    steps: Vec<Step>,
    known: HashMap<(TypeId, Node), StepId>,
}

impl Planning<'_> {
    fn step(&mut self, kind: TypeId, node: Node) -> StepId {
        if let Some(known) = self.known.get(&(kind, node)) {
            return *known;
        }
        let at = self.steps.len();
        self.known.insert((kind, node), at);
        // A type may contain itself: its place is taken before it is known.
        self.steps.push(Step { node, kind: Kind::Scalar(Type::Null) });
        let found = self.kind(kind, node);
        self.steps[at].kind = found;
        at
    }

    fn kind(&mut self, kind: TypeId, node: Node) -> Kind {
        let schema = self.schema;
        match schema.get(kind) {
            Type::Array(items) => {
                let wanted = node.map_or_else(Vec::new, |node| self.tree.indexes(node));
                let steps =
                    wanted.into_iter().map(|(index, node)| (index, self.step(*items, Some(node))));
                Kind::Array(steps.collect(), self.step(*items, None))
            }
            Type::Map(values) => {
                let wanted = node.map_or_else(Vec::new, |node| self.tree.keys(node));
                let steps =
                    wanted.into_iter().map(|(key, node)| (key, self.step(*values, Some(node))));
                Kind::Map(steps.collect(), self.step(*values, None))
            }
            Type::Union(branches) => {
                Kind::Union(branches.iter().map(|branch| self.step(*branch, node)).collect())
            }
            Type::Record(fields) => {
                let mut steps = Vec::with_capacity(fields.len());
                for field in fields {
                    let is_own = |name: &&String| {
                        schema::find_field(fields, name).is_some_and(|found| found == field)
                    };
                    let mut names = field.names.iter().filter(is_own);
                    let under = |name: &String| self.tree.find_key(node?, name);
                    let below = names.find_map(under);
                    steps.push(self.step(field.kind, below));
                }
                Kind::Record(steps)
            }
            scalar => Kind::Scalar(scalar.clone()),
        }
    }
}

struct Scan<'a> {
    walk: Walk<'a>,
    steps: &'a [Step],
    /// Of lists and maps, so far. An item may have no bytes at all, and a few bytes may announce any number of them.
    items: usize,
}

impl Scan<'_> {
    fn value(&mut self, step: StepId, depth: usize) -> Result<(), Rejection> {
        let steps = self.steps;
        let Step { node, kind } = &steps[step];
        match kind {
            Kind::Scalar(kind) => self.scalar(kind, *node),
            Kind::Record(fields) => {
                self.walk.enter(*node, depth + 1)?;
                fields.iter().try_for_each(|field| self.value(*field, depth + 1))
            }
            Kind::Union(branches) => {
                let branch = self.index(branches, "a union has no such branch")?;
                // A union of unions is none, so that this goes one level deep.
                self.value(*branch, depth)
            }
            Kind::Array(wanted, other) => {
                self.walk.enter(*node, depth + 1)?;
                let mut index = 0;
                self.blocks(|scan| {
                    let found = wanted.iter().find(|(at, _)| *at == index);
                    index += 1;
                    scan.value(found.map_or(*other, |(_, step)| *step), depth + 1)
                })
            }
            Kind::Map(wanted, other) => {
                self.walk.enter(*node, depth + 1)?;
                self.blocks(|scan| {
                    let length = scan.length()?;
                    let key = text_of(scan.walk.bytes(length)?)?;
                    let found = wanted.iter().find(|(known, _)| known == key);
                    scan.value(found.map_or(*other, |(_, step)| *step), depth + 1)
                })
            }
        }
    }

    fn scalar(&mut self, kind: &Type, node: Node) -> Result<(), Rejection> {
        match kind {
            Type::Boolean => match self.walk.take()? {
                [truth @ (0 | 1)] => self.walk.set(node, |f, slot| f.set_bool(slot, truth == 1)),
                _ => return Err(self.walk.invalid("a boolean is neither 0 nor 1")),
            },
            Type::Integer => {
                let number = self.long()?;
                self.walk.set_number(node, Number::Integer(number));
            }
            Type::Timestamp(exponent) => {
                let number = self.long()?;
                self.walk.set_time(node, in_microseconds(number, *exponent));
            }
            Type::Date => {
                let days = self.long()?;
                self.walk.set_time(node, days.saturating_mul(MICROSECONDS_OF_A_DAY));
            }
            Type::Float => {
                let number = f32::from_le_bytes(self.walk.take()?);
                self.walk.set_number(node, Number::Float(number.into()));
            }
            Type::Double => {
                let number = f64::from_le_bytes(self.walk.take()?);
                self.walk.set_number(node, Number::Float(number));
            }
            Type::Text => {
                let length = self.length()?;
                let bytes = self.walk.bytes(length)?;
                return self.walk.set_text(node, bytes);
            }
            Type::Bytes => {
                let length = self.length()?;
                return self.opaque(length, node);
            }
            Type::Fixed(size) => return self.opaque(*size, node),
            Type::Decimal(size, scale) => return self.decimal(*size, *scale, node),
            Type::Enum(symbols) => {
                let symbol = self.index(symbols, "an enumeration has no such symbol")?;
                return self.walk.set_text(node, symbol.as_bytes());
            }
            // All others have steps of their own.
            _ => self.walk.set(node, Fields::set_null),
        }
        Ok(())
    }

    fn opaque(&mut self, length: usize, node: Node) -> Result<(), Rejection> {
        self.walk.bytes(length)?;
        self.walk.set(node, Fields::set_opaque);
        Ok(())
    }

    fn decimal(&mut self, size: Option<usize>, scale: usize, node: Node) -> Result<(), Rejection> {
        let length = match size {
            Some(size) => size,
            None => self.length()?,
        };
        let bytes = self.walk.bytes(length)?;
        match read_decimal(bytes, scale) {
            Some(number) => self.walk.set_number(node, Number::Float(number)),
            None => self.walk.set(node, Fields::set_opaque),
        }
        Ok(())
    }

    /// The items of a list or a map, which come in blocks until an empty one.
    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // The block's length in bytes, for readers that skip it.
                self.long()?;
            }
            let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
            self.items = self.items.saturating_add(count);
            if self.items > MAX_RECORD_BYTES {
                return Err(self.walk.invalid("it has more items than a record has bytes"));
            }
            for _ in 0..count {
                item(self)?;
            }
        }
    }

    fn length(&mut self) -> Result<usize, Rejection> {
        let length = self.long()?;
        usize::try_from(length).map_err(|_| self.walk.invalid("a length is less than 0"))
    }

    fn index<'t, T>(&mut self, of: &'t [T], detail: &str) -> Result<&'t T, Rejection> {
        let index = usize::try_from(self.long()?).ok();
        index.and_then(|index| of.get(index)).ok_or_else(|| self.walk.invalid(detail))
    }

    /// A number of up to 64 bits: seven in each byte, the sign in the lowest.
    #[inline]
    fn long(&mut self) -> Result<i64, Rejection> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.walk.take()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(self.walk.invalid("a number has more than 64 bits"))
    }
}

const MICROSECONDS_OF_A_DAY: i64 = 86_400_000_000;

/// What does not fit is out of the range of times.
fn in_microseconds(number: i64, exponent: i32) -> i64 {
    Number::Integer(number).scaled(exponent).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

/// The double nearest to a whole number in big-endian bytes with so many digits after the point; `None` for one of more
/// than 38 digits.
fn read_decimal(bytes: &[u8], scale: usize) -> Option<f64> {
    let mut whole = [if bytes.first()? & 0x80 == 0 { 0 } else { 0xff }; size_of::<i128>()];
    let start = whole.len().checked_sub(bytes.len())?;
    whole[start..].copy_from_slice(bytes);
    let mut written = [0; DECIMAL_BYTES];
    let mut rest = &mut written[..];
    write!(rest, "{}e-{scale}", i128::from_be_bytes(whole)).ok()?;
    let length = DECIMAL_BYTES - rest.len();
    read_float(std::str::from_utf8(&written[..length]).ok()?)
}

/// A sign, 39 digits, and an exponent of 64 bits.
const DECIMAL_BYTES: usize = 64;

#[cfg(test)]
mod tests;

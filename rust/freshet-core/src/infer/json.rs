//! JSON samples: which lists may have the rows, and what stands in them.

use indexmap::IndexMap;

use super::node::{Node, Scalar};
use super::table::{Filling, Table};
use crate::record::{Path, Rows};

/// More lists are not tried.
const MAX_LISTS: usize = 24;
/// Longer lists of plain values are no columns of a row.
const MAX_COLUMNS: usize = 24;
/// Lists of rows further in are not tried.
const MAX_LEVELS: usize = 6;

/// The lists that may have the rows: nothing where the record says it, else what `rows` would be.
pub(super) fn layouts(records: &[Vec<Node>]) -> Vec<Option<Rows>> {
    let documents = || records.iter().flatten();
    let is_mixed = |node: &Node| matches!(node, Node::List(items) if !are_rows(items));
    if documents().any(is_mixed) {
        // A list with plain values in it is one row itself.
        return vec![Some(Rows::new(Vec::new()))];
    }
    let mut found = IndexMap::new();
    for document in documents() {
        find_lists(document, &mut Vec::new(), &mut Vec::new(), &mut found);
    }
    std::iter::once(None).chain(found.into_keys().map(|lists| Some(Rows::new(lists)))).collect()
}

/// Whether the items of a list may be rows: objects all of them, or lists of as many columns.
fn are_rows(items: &[Node]) -> bool {
    let columns = |item: &Node| match item {
        Node::List(columns) => Some(columns.len()),
        _ => None,
    };
    let are_objects = items.iter().all(|item| matches!(item, Node::Object(_)));
    let first = items.first().and_then(columns);
    are_objects || first.is_some_and(|n| n > 1) && items.iter().all(|item| columns(item) == first)
}

fn find_lists(
    node: &Node,
    outer: &mut Vec<Vec<String>>,
    keys: &mut Vec<String>,
    found: &mut IndexMap<Vec<Vec<String>>, ()>,
) {
    match node {
        Node::Object(entries) => {
            for (key, value) in entries.iter().filter(|(key, _)| !key.is_empty()) {
                keys.push(key.clone());
                find_lists(value, outer, keys, found);
                keys.pop();
            }
        }
        Node::List(items) if are_rows(items) && outer.len() < MAX_LEVELS => {
            outer.push(std::mem::take(keys));
            if found.len() < MAX_LISTS {
                found.insert(outer.clone(), ());
            }
            for item in items {
                find_lists(item, outer, &mut Vec::new(), found);
            }
            *keys = outer.pop().unwrap_or_default();
        }
        _ => {}
    }
}

/// The rows of the records, and what stands in and above them.
pub(super) fn table(records: &[Vec<Node>], rows: Option<&Rows>) -> Table {
    let of_record = [Vec::new()];
    let lists = rows.map_or(&of_record[..], Rows::lists);
    let mut visit = Visit {
        longest: IndexMap::new(),
        filling: Filling::new(write_place),
        steps_out: rows.is_some(),
    };
    let documents = || records.iter().flatten();
    for document in documents() {
        each_row(document, lists, &mut Vec::new(), &mut |row, above| visit.measure(row, above));
    }
    for document in documents() {
        each_row(document, lists, &mut Vec::new(), &mut |row, above| visit.fill(row, above));
    }
    let mut table = visit.filling.end();
    // What only the first of all items has is known above them, and stands in one row only.
    let above: Vec<String> = (table.fields.iter())
        .filter(|field| field.up > 0 && field.keys.len() == 2 && field.keys[0] == "0")
        .map(|field| field.keys[1].clone())
        .collect();
    table
        .fields
        .retain(|field| field.up > 0 || field.keys.len() != 1 || !above.contains(&field.keys[0]));
    table
}

fn write_place(up: usize, keys: &[String]) -> String {
    Path::at(up, keys).to_string()
}

/// Hands over each row with what is above it, outermost first.
fn each_row<'a>(
    node: &'a Node,
    lists: &[Vec<String>],
    above: &mut Vec<&'a Node>,
    take: &mut impl FnMut(&'a Node, &[&'a Node]),
) {
    let Some((keys, inner)) = lists.split_first() else { return take(node, above) };
    above.push(node);
    match node.at(keys) {
        Some(Node::List(items)) => {
            for item in items {
                each_row(item, inner, above, take);
            }
        }
        // An object in place of a list is one row.
        Some(object @ Node::Object(_)) => each_row(object, inner, above, take),
        _ => {}
    }
    above.pop();
}

struct Visit {
    /// The most items of each list of objects: of one that has several, an index would leave some.
    longest: IndexMap<(usize, Vec<String>), usize>,
    filling: Filling,
    /// Whether paths step out of the lists of rows.
    steps_out: bool,
}

impl Visit {
    fn measure(&mut self, row: &Node, above: &[&Node]) {
        let longest = &mut self.longest;
        for (up, node) in with_steps(row, above) {
            measure(node, up, &mut Vec::new(), longest);
        }
    }

    fn fill(&mut self, row: &Node, above: &[&Node]) {
        if !self.filling.begin_row() {
            return;
        }
        self.leaves(row, 0, &mut Vec::new());
        if !self.steps_out {
            return;
        }
        for (up, node) in with_steps(row, above).skip(1) {
            match node {
                // The list itself: what its first item says may hold for all.
                Node::List(items) => {
                    if let Some(first) = items.first() {
                        self.first_item(first, up, items);
                    }
                }
                node => self.leaves(node, up, &mut Vec::new()),
            }
        }
    }

    /// What only the first of several items has.
    fn first_item(&mut self, first: &Node, up: usize, items: &[Node]) {
        let Node::Object(entries) = first else { return };
        let others = || items.iter().skip(1);
        for (key, value) in entries {
            let keys = [key.clone()];
            let is_own = items.len() > 1 && others().all(|item| item.at(&keys).is_none());
            if let (Node::Scalar(scalar), true) = (value, is_own) {
                self.filling.set(up, &["0".to_owned(), key.clone()], scalar.clone());
            }
        }
    }

    fn leaves(&mut self, node: &Node, up: usize, keys: &mut Vec<String>) {
        match node {
            Node::Scalar(_) if keys.is_empty() => {}
            Node::Scalar(Scalar::Text(text)) => match Node::inside(text) {
                Some(inside) => self.leaves(&inside, up, keys),
                None => self.filling.set(up, keys, Scalar::Text(text.clone())),
            },
            Node::Scalar(scalar) => self.filling.set(up, keys, scalar.clone()),
            Node::Object(entries) => {
                let has_after = entries.contains_key("before") && entries.contains_key("after");
                // Changes of a table have the row twice: what it was says nothing new.
                let is_left_out = |key: &str| key.is_empty() || has_after && key == "before";
                for (key, value) in entries.iter().filter(|(key, _)| !is_left_out(key)) {
                    keys.push(key.clone());
                    self.leaves(value, up, keys);
                    keys.pop();
                }
            }
            Node::List(items) => self.items(items, up, keys),
        }
    }

    /// The columns of a list of plain values, or what stands in the only item of a list of objects.
    fn items(&mut self, items: &[Node], up: usize, keys: &mut Vec<String>) {
        // A row that is a list itself has all of them.
        let is_row = up == 0 && keys.is_empty();
        let longest = self.longest.get(&(up, keys.clone())).copied().unwrap_or(0);
        let is_one_by_one = longest <= 1 || are_attributes(items);
        if items.len() > MAX_COLUMNS && !is_row || up > 0 && !are_attributes(items) {
            return;
        }
        for (index, item) in items.iter().enumerate() {
            if item.is_container() && !is_one_by_one && !is_row {
                continue;
            }
            keys.push(index.to_string());
            self.leaves(item, up, keys);
            keys.pop();
        }
    }
}

/// Names and values as objects in a list, such as OpenTelemetry's attributes.
fn are_attributes(items: &[Node]) -> bool {
    let is_attribute = |item: &Node| {
        matches!(item, Node::Object(entries)
            if entries.len() == 2 && entries.contains_key("key") && entries.contains_key("value"))
    };
    !items.is_empty() && items.iter().all(is_attribute)
}

/// The row, and what is above it with the number of lists that it is out of.
fn with_steps<'a>(
    row: &'a Node,
    above: &[&'a Node],
) -> impl Iterator<Item = (usize, &'a Node)> + use<'a> {
    let above: Vec<&Node> = above.iter().rev().copied().collect();
    std::iter::once(row).chain(above).enumerate()
}

fn measure(
    node: &Node,
    up: usize,
    keys: &mut Vec<String>,
    longest: &mut IndexMap<(usize, Vec<String>), usize>,
) {
    let entries: Vec<(String, &Node)> = match node {
        Node::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Node::List(items) => {
            if items.iter().any(Node::is_container) {
                let most = longest.entry((up, keys.clone())).or_default();
                *most = items.len().max(*most);
            }
            items.iter().take(1).map(|item| ("0".to_owned(), item)).collect()
        }
        Node::Scalar(_) => return,
    };
    for (key, value) in entries {
        keys.push(key);
        measure(value, up, keys, longest);
        keys.pop();
    }
}

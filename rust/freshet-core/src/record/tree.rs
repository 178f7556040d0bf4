//! The tree of the places in a record that lead to a field, for formats whose values are nested.

use super::fields::Fields;
use super::path::Path;

/// The places that the paths of a stream lead through. A place is known by its number.
pub(super) struct Tree(Vec<Node>);

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
    node: usize,
}

/// The place that is the record itself.
pub(super) const ROOT: usize = 0;

impl Tree {
    /// The position of a path in the list is its slot.
    pub(super) fn new(paths: &[&Path]) -> Self {
        let mut tree = Self::empty();
        for (slot, path) in paths.iter().enumerate() {
            tree.add_field(path.segments(), slot);
        }
        tree
    }

    /// A tree that leads nowhere yet.
    pub(super) fn empty() -> Self {
        Self(vec![Node::default()])
    }

    /// Adds the places that these keys lead through, and returns the last one. Those of the first call have the
    /// numbers up to that of the place.
    pub(super) fn add_place(&mut self, keys: &[String]) -> usize {
        keys.iter().fold(ROOT, |at, key| self.add(at, key))
    }

    /// Adds a field with its places.
    pub(super) fn add_field(&mut self, keys: &[String], slot: usize) {
        let place = self.add_place(keys);
        self.0[place].slots.push(slot);
    }

    /// Whether a field stands below the place.
    #[inline]
    pub(super) fn leads_further(&self, node: usize) -> bool {
        !self.0[node].children.is_empty()
    }

    fn add(&mut self, parent: usize, key: &str) -> usize {
        if let Some(node) = self.find_key(parent, key) {
            return node;
        }
        let node = self.0.len();
        self.0.push(Node::default());
        // "01" is a key and no index: an index is written in one way only.
        let index = key.parse().ok().filter(|index: &usize| index.to_string() == key);
        self.0[parent].children.push(Child { key: key.to_owned(), index, node });
        node
    }

    /// How many places there are; their numbers are less.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The place under that key of an object; `None` when no field is there or below.
    #[inline]
    pub(super) fn find_key(&self, node: usize, key: &str) -> Option<usize> {
        self.0[node].children.iter().find(|child| child.key == key).map(|child| child.node)
    }

    /// The place at that index of a list; `None` when no field is there or below.
    #[inline]
    pub(super) fn find_index(&self, node: usize, index: usize) -> Option<usize> {
        self.0[node]
            .children
            .iter()
            .find(|child| child.index == Some(index))
            .map(|child| child.node)
    }

    /// The slots of the fields at a place.
    #[inline]
    pub(super) fn slots(&self, node: usize) -> &[usize] {
        &self.0[node].slots
    }

    /// The keys under which fields are at or below a place, each with its place.
    pub(super) fn keys(&self, node: usize) -> Vec<(String, usize)> {
        self.0[node].children.iter().map(|child| (child.key.clone(), child.node)).collect()
    }

    /// The same of the indexes of a list.
    pub(super) fn indexes(&self, node: usize) -> Vec<(usize, usize)> {
        let indexed = |child: &Child| Some((child.index?, child.node));
        self.0[node].children.iter().filter_map(indexed).collect()
    }

    /// Sets the fields at a place. What an earlier key of the same name has left below the place does not count any
    /// more.
    #[expect(
        clippy::inline_always,
        reason = "a call for every field of every record costs 2 % of the parser's time"
    )]
    #[inline(always)]
    pub(super) fn set(&self, node: usize, fields: &mut Fields, set: impl Fn(&mut Fields, usize)) {
        let Node { children, slots } = &self.0[node];
        for slot in slots {
            set(fields, *slot);
        }
        if !children.is_empty() {
            self.forget_below(node, fields);
        }
    }

    /// The slots of the fields below a place.
    pub(super) fn visit_below(&self, node: usize, visit: &mut impl FnMut(usize)) {
        for child in &self.0[node].children {
            self.0[child.node].slots.iter().copied().for_each(&mut *visit);
            self.visit_below(child.node, visit);
        }
    }

    fn forget_below(&self, node: usize, fields: &mut Fields) {
        self.visit_below(node, &mut |slot| fields.set_missing(slot));
    }
}

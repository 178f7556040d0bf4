//! What is said of a key of the configuration, once: the reader, `freshet.schema.json`, the dashboard, `./freshet
//! config` and the README follow from it.

use std::time::Duration;

/// A table of the configuration, and its keys.
#[derive(Debug)]
pub struct Table {
    /// Its path: `kafka.security`; the keys of `[[stream]]` are below `stream`.
    pub path: &'static str,
    /// Whether there may be several, such as one in each stream: the environment reaches the others only.
    pub is_repeated: bool,
    /// Whether several stand beside each other, headed `[[…]]`.
    pub is_list: bool,
    /// What it is about.
    pub meaning: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the table.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it is when it is left out.
    pub presence: Presence,
    /// What it does, and what else is to be known, in a line or two.
    pub meaning: &'static str,
    /// A value, as TOML has it.
    pub example: &'static str,
    /// Of a text with a form: the form in words, as a text of another form is told.
    pub form: &'static str,
    /// Of a duration: whether it has to be longer than zero.
    pub refuses_zero: bool,
    /// Whether it is nobody else's business.
    pub is_secret: bool,
}

/// What values a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text; of the given form, as a regular expression, where there is one: the reader refuses all others.
    Text(Option<&'static str>),
    /// A list of texts; one text stands for a list of one.
    Texts,
    /// A whole number between two others, both included.
    Integer(i64, i64),
    /// A number, whole or not, between two others, both included.
    Number(f64, f64),
    /// True or false.
    Flag,
    /// A length of time such as `10s`, up to that; from zero on unless the key [`Key::refuses_zero`].
    Duration(Duration),
    /// One of these names.
    Choice(&'static [&'static str]),
    /// The path of a file.
    Path,
    /// A table of texts.
    TextTable,
    /// A text, or a table of texts.
    TextOrTable,
    /// A table of numbers.
    NumberTable,
    /// A table of conditions, each a text, a list of texts or a table.
    Conditions,
}

/// What a key is when it is left out.
#[derive(Debug, Clone, Copy)]
pub enum Presence {
    /// It must not be.
    Required,
    /// This value, as the environment would give it: items of a list are separated by commas.
    Default(&'static str),
    /// One of two values, written in the same way.
    Either {
        /// The value as a rule.
        usual: &'static str,
        /// The value in a case that only the reader of the table can tell.
        other: &'static str,
        /// Which case that is, such as "of a line's timestamp".
        when: &'static str,
    },
    /// No value; the words say what that means. What has a value when it is left out is a default: the reader takes it
    /// from here, and so do all that is generated.
    Optional(&'static str),
}

impl Presence {
    /// The value of a key that is left out; of two, the usual one.
    pub(super) fn default(self) -> Option<&'static str> {
        match self {
            Self::Default(text) | Self::Either { usual: text, .. } => Some(text),
            Self::Required | Self::Optional(_) => None,
        }
    }

    /// The same in the other case.
    pub(super) fn other_default(self) -> Option<&'static str> {
        match self {
            Self::Either { other, .. } => Some(other),
            Self::Default(_) | Self::Required | Self::Optional(_) => self.default(),
        }
    }
}

impl Key {
    /// A key that must be there; change what is otherwise with `..Key::NEW`.
    pub const NEW: Self = Self {
        name: "",
        kind: Kind::Text(None),
        presence: Presence::Required,
        meaning: "",
        example: "",
        form: "",
        refuses_zero: false,
        is_secret: false,
    };

    /// The variable that overrides it in a table; `None` where the environment does not reach.
    pub fn variable(&self, table: &Table) -> Option<String> {
        (!table.is_repeated).then(|| variable_of(&format!("{}.{}", table.path, self.name)))
    }
}

/// `kafka.security.username` → `FRESHET_KAFKA__SECURITY__USERNAME`.
pub(super) fn variable_of(path: &str) -> String {
    format!("FRESHET_{}", path.replace('.', "__").to_uppercase())
}

/// A port.
pub(super) const PORT: Kind = Kind::Integer(1, 65_535);

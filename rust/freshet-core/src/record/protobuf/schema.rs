//! Descriptors of Protobuf's messages, from source text or as `protoc` writes them.

use std::fmt;
use std::path::Path as FilePath;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::super::path::Path;

/// A file of message types, with those that it imports.
#[derive(Debug, Clone)]
pub struct ProtobufSchema(FileDescriptor);

/// The type of a stream's messages; as a text its full name, a space, and in base64 the descriptors that it needs.
#[derive(Clone)]
pub struct ProtobufMessage {
    text: String,
    descriptor: MessageDescriptor,
}

/// What a compiled file is called that has no name.
const UNNAMED: &str = "schema.proto";

impl ProtobufSchema {
    /// Compiles the source text of a file; `imports` are the others that it may import, by the names by which it does.
    /// Google's well-known types need not be among them.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the name of the schema.
    pub fn of_source(text: &str, imports: &[(String, String)]) -> Result<Self, String> {
        let mut texts = imports.to_vec();
        texts.push((UNNAMED.to_owned(), text.to_owned()));
        let mut resolver = ChainFileResolver::new();
        resolver.add(Texts(texts));
        Self::compile(resolver, UNNAMED)
    }

    /// The same with imports that `open` finds by their names: a text, or `None` for what is not there.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the name of the schema.
    pub fn of_file(
        text: &str,
        open: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let mut resolver = ChainFileResolver::new();
        resolver.add(Texts(vec![(UNNAMED.to_owned(), text.to_owned())]));
        resolver.add(Opened(open));
        Self::compile(resolver, UNNAMED)
    }

    fn compile(mut resolver: ChainFileResolver, name: &str) -> Result<Self, String> {
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        compiler
            .open_file(FilePath::new(name))
            .map_err(|error| format!("is no schema of Protobuf: {error}"))?;
        let file = compiler.descriptor_pool().get_file_by_name(name);
        file.map(Self).ok_or_else(|| "is no schema of Protobuf".to_owned())
    }

    /// Reads a set of descriptors (`protoc --include_imports --descriptor_set_out`), the last of which is the file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words that follow the name of the schema.
    pub fn of_descriptors(bytes: &[u8]) -> Result<Self, String> {
        let pool = DescriptorPool::decode(bytes)
            .map_err(|error| format!("is no set of Protobuf's descriptors: {error}"))?;
        let file = pool.files().last();
        file.map(Self).ok_or_else(|| "is a set of no descriptors".to_owned())
    }

    /// The type of that full name; without one the only type of the file.
    ///
    /// # Errors
    ///
    /// Which types there are.
    pub fn message(&self, name: Option<&str>) -> Result<ProtobufMessage, String> {
        let own = || self.0.messages().map(|message| message.full_name().to_owned());
        let found = match name {
            Some(name) => self.0.parent_pool().get_message_by_name(name),
            None if own().count() == 1 => self.0.messages().next(),
            None => None,
        };
        found.map(ProtobufMessage::new).ok_or_else(|| {
            let names = own().collect::<Vec<_>>().join(", ");
            match name {
                Some(name) => format!("there is no message '{name}'; the file has: {names}"),
                None => format!("is missing: say which message of the file it is: {names}"),
            }
        })
    }

    /// The type at that place: the index of one of the file, then those of types within it.
    pub(super) fn message_at(&self, indexes: &[usize]) -> Option<MessageDescriptor> {
        let (first, rest) = indexes.split_first()?;
        let top = self.0.messages().nth(*first)?;
        rest.iter().try_fold(top, |message, index| message.child_messages().nth(*index))
    }
}

/// Files by their names.
struct Texts(Vec<(String, String)>);

impl FileResolver for Texts {
    fn resolve_path(&self, path: &FilePath) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let found = self.0.iter().find(|(known, _)| known == name);
        let (_, text) = found.ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

/// Files that somebody else opens.
struct Opened<F>(F);

impl<F: Fn(&str) -> Option<String> + Send + Sync> FileResolver for Opened<F> {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = (self.0)(name).ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, &text)
    }
}

impl ProtobufMessage {
    fn new(descriptor: MessageDescriptor) -> Self {
        let descriptors = STANDARD.encode(descriptor.parent_pool().encode_to_vec());
        Self { text: format!("{} {descriptors}", descriptor.full_name()), descriptor }
    }

    pub(super) const fn descriptor(&self) -> &MessageDescriptor {
        &self.descriptor
    }

    /// Whether messages may have something at that place.
    pub(crate) fn has(&self, path: &Path) -> bool {
        leads_on(&Kind::Message(self.descriptor.clone()), path.segments())
    }
}

fn leads_on(kind: &Kind, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let Kind::Message(message) = kind else { return false };
    message.get_field_by_name(first).is_some_and(|field| field_leads_on(&field, rest))
}

fn field_leads_on(field: &FieldDescriptor, path: &[String]) -> bool {
    if field.is_group() {
        return false;
    }
    let Kind::Message(message) = field.kind() else {
        return below_list(field, path).is_some_and(<[String]>::is_empty);
    };
    if field.is_map() {
        let value = message.map_entry_value_field().kind();
        return path.split_first().is_none_or(|(_, rest)| leads_on(&value, rest));
    }
    below_list(field, path).is_some_and(|rest| leads_on(&field.kind(), rest))
}

/// What of a path lies below an item of a list, if the field is one.
fn below_list<'a>(field: &FieldDescriptor, path: &'a [String]) -> Option<&'a [String]> {
    match path.split_first() {
        Some((index, rest)) if field.is_list() => index.parse::<usize>().is_ok().then_some(rest),
        _ => Some(path),
    }
}

impl FromStr for ProtobufMessage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, descriptors) = text.split_once(' ').ok_or("is no message of Protobuf")?;
        let bytes = STANDARD.decode(descriptors).map_err(|error| error.to_string())?;
        let pool = DescriptorPool::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
        let found = pool.get_message_by_name(name);
        found.map(Self::new).ok_or_else(|| format!("there is no message '{name}'"))
    }
}

impl fmt::Display for ProtobufMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ProtobufMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtobufMessage({})", self.descriptor.full_name())
    }
}

impl PartialEq for ProtobufMessage {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

crate::text::serde_as_text!(ProtobufMessage);

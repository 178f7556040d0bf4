//! Whether a resource is what Kubernetes, or the operator whose resource it is, takes: unknown fields are refused, as
//! the API server refuses them in a strict request.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::{Map, Value, json};

use super::tools::tools;

/// Names a folder with definitions of operators, which take precedence over what is known here: as
/// `kubectl get customresourcedefinitions -o yaml` prints them, or as the operators' projects have them.
const DEFINITIONS: &str = "FRESHET_CUSTOM_RESOURCE_DEFINITIONS";

const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// No registry has the definitions of Spark's operator. This is what of them is used here, in our own words.
const EXTRACT: &str = include_str!("spark-operator.yaml");

/// The schemas by group, version and kind.
pub(super) struct Schemas {
    custom: BTreeMap<(String, String), Value>,
}

impl Schemas {
    pub(super) fn load() -> Self {
        let mut custom: BTreeMap<_, _> = definitions(EXTRACT).into_iter().collect();
        let given = std::env::var_os(DEFINITIONS).map(PathBuf::from);
        let tools = tools();
        let known = [&tools.strimzi, &tools.prometheus, &tools.k8ssandra];
        let known = known.map(|folder| Some(folder.clone()));
        for folder in known.into_iter().chain([given]).flatten() {
            for text in yaml_files(&folder) {
                custom.extend(definitions(&text));
            }
        }
        Self { custom }
    }

    /// What is wrong with the resource.
    pub(super) fn complaints(&self, resource: &Value) -> Vec<String> {
        let name = super::name(resource);
        match self.validator(resource) {
            Ok(validator) => validator
                .iter_errors(resource)
                .map(|error| format!("{name}: {}: {error}", error.instance_path()))
                .collect(),
            Err(complaint) => vec![format!("{name}: {complaint}")],
        }
    }

    fn validator(&self, resource: &Value) -> Result<Validator, String> {
        let (version, kind) =
            (super::text(resource, "/apiVersion"), super::text(resource, "/kind"));
        let schema = match self.custom.get(&(version.to_owned(), kind.to_owned())) {
            Some(schema) => schema.clone(),
            None => own_schema(version, kind)?,
        };
        jsonschema::options()
            .with_base_uri("kubernetes:///api/")
            .with_retriever(Folder)
            .build(&schema)
            .map_err(|error| error.to_string())
    }
}

/// The schema of one of Kubernetes' own resources: `deployment-apps-v1.json`, `service-v1.json`.
fn own_schema(version: &str, kind: &str) -> Result<Value, String> {
    let group = version.replace(".k8s.io", "").replace(".authorization", "").replace('/', "-");
    let file = format!("{}-{group}.json", kind.to_lowercase());
    let text = fs::read_to_string(tools().schemas.join(&file))
        .map_err(|_| format!("there is no schema for {version} {kind} ({file})"))?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// What the schemas of Kubernetes refer to.
struct Folder;

impl Retrieve for Folder {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let file = uri.path().as_str().rsplit('/').next().unwrap_or_default();
        Ok(serde_json::from_str(&fs::read_to_string(tools().schemas.join(file))?)?)
    }
}

/// All YAML texts of a folder.
fn yaml_files(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    yaml.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The schemas in definitions of custom resources; one list of them, as kubectl prints it, counts as its items.
fn definitions(text: &str) -> Vec<((String, String), Value)> {
    let documents = super::documents(text);
    let lists = documents.iter().filter_map(|document| document["items"].as_array()).flatten();
    documents
        .iter()
        .chain(lists)
        .filter(|document| document["kind"] == "CustomResourceDefinition")
        .flat_map(versions)
        .collect()
}

fn versions(definition: &Value) -> Vec<((String, String), Value)> {
    let group = super::text(definition, "/spec/group");
    let kind = super::text(definition, "/spec/names/kind");
    let versions = definition["spec"]["versions"].as_array().unwrap();
    let schema = |version: &Value| {
        let name = format!("{group}/{}", super::text(version, "/name"));
        let mut schema = strict(&version["schema"]["openAPIV3Schema"], true);
        schema["properties"]["apiVersion"] = json!({ "const": name });
        schema["properties"]["kind"] = json!({ "const": kind });
        schema["properties"]["metadata"] = reference(METADATA);
        ((name, kind.to_owned()), schema)
    };
    versions.iter().map(schema).collect()
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("/api/_definitions.json#/$defs/{name}") })
}

/// The same as a JSON schema, as the API server understands it: fields that are not named are unknown, but where the
/// definition says that they are kept. Below `anyOf` and its like only conditions stand, which name a part of them.
fn strict(schema: &Value, is_structure: bool) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut strict_schema = Map::new();
    for (key, value) in schema {
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                let fields = fields.iter();
                fields.map(|(name, field)| (name.clone(), strict(field, is_structure))).collect()
            }
            ("items" | "additionalProperties", _) => strict(value, is_structure),
            ("not", _) => strict(value, false),
            ("anyOf" | "oneOf" | "allOf", Value::Array(parts)) => {
                parts.iter().map(|part| strict(part, false)).collect()
            }
            _ => value.clone(),
        };
        strict_schema.insert(key.clone(), value);
    }
    let is_set = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    let has = |key: &str| schema.contains_key(key);
    if is_set("x-kubernetes-int-or-string") {
        strict_schema.insert("type".to_owned(), json!(["integer", "string"]));
    } else if is_set("nullable") && has("type") {
        strict_schema.insert("type".to_owned(), json!([schema["type"], "null"]));
    }
    let is_open = is_set("x-kubernetes-preserve-unknown-fields") || has("additionalProperties");
    if is_structure && has("properties") && !is_open {
        strict_schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(strict_schema)
}

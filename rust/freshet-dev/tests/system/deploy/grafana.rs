//! Grafana's dashboards as it would ask for what they show: the queries of Prometheus, and the addresses of the
//! dashboard's API with what the Infinity data source takes out of the answers.

use std::collections::BTreeMap;
use std::fs;

use libtest_mimic::Failed;
use serde_json::Value;

use super::prometheus::Api;
use crate::Outcome;
use crate::stack::project;
use crate::waiting::{LIMIT, ensure, until};

fn read(file: &str) -> Result<Value, Failed> {
    let path = project().join("docker/grafana/dashboards").join(file);
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Waits until every query of the panels of a dashboard has data.
pub(super) fn every_query_has_data(api: &Api, file: &str) -> Outcome {
    let dashboard = read(file)?;
    let mut asked = 0;
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            let query = target["expr"].as_str().ok_or("a panel without a query")?;
            // What Grafana makes of it where a sample comes each 5 s.
            let query = query.replace("$__rate_interval", "20s");
            until(LIMIT, || {
                let samples = api.query(&query)?;
                // What is not known is no number.
                let is_known =
                    samples.iter().any(|sample| sample["value"][1].as_str() != Some("NaN"));
                ensure(is_known, || format!("{}: no data: {query}: {samples:?}", panel["title"]))
            })?;
            asked += 1;
        }
    }
    ensure(asked > 20, || format!("only {asked} queries"))
}

/// Asks for the variables of a dashboard in their order, as Grafana does, and then for each panel: each column that one
/// names is in each row.
pub(super) fn every_address_has_rows(api: &str, file: &str, span: (i64, i64)) -> Outcome {
    let dashboard = read(file)?;
    let mut variables = BTreeMap::from([
        ("__from".to_owned(), span.0.to_string()),
        ("__to".to_owned(), span.1.to_string()),
    ]);
    for variable in list(&dashboard["templating"]["list"]) {
        let rows = rows(api, &variable["query"]["infinityQuery"], &variables)?;
        let name = variable["name"].as_str().ok_or("a variable without a name")?;
        // Grafana takes the first one.
        let value =
            rows[0].values().next().and_then(Value::as_str).ok_or("a value that is no text")?;
        variables.insert(name.to_owned(), value.to_owned());
    }
    let mut asked = 0;
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            rows(api, target, &variables).map_err(|error| {
                let what = error.message().unwrap_or_default();
                Failed::from(format!("{}: {what}", panel["title"]))
            })?;
            asked += 1;
        }
    }
    ensure(asked >= 5, || format!("only {asked} addresses"))
}

type Row = BTreeMap<String, Value>;

/// The rows that a query of the Infinity data source has; at least one.
fn rows(
    api: &str,
    query: &Value,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<Row>, Failed> {
    let (path, root) = (text(query, "url")?, text(query, "root_selector")?);
    let url = format!("{api}{}", filled_in(path, variables));
    let answer: Value = ureq::get(&url).call()?.body_mut().read_json()?;
    let found = selected(&answer, &filled_in(root, variables));
    let columns: Vec<&Value> = list(&query["columns"]).collect();
    let of_row = |row: &Value| {
        let pairs = columns.iter().map(|column| {
            let (name, kind) = (text(column, "selector")?, text(column, "type")?);
            let value = &row[name];
            let fits = if kind == "string" { value.is_string() } else { value.is_number() };
            ensure(fits, || format!("{url}: {name} is no {kind}: {row}"))?;
            Ok((name.to_owned(), value.clone()))
        });
        pairs.collect::<Result<Row, Failed>>()
    };
    let rows = found.iter().map(of_row).collect::<Result<Vec<_>, Failed>>()?;
    ensure(!rows.is_empty() && !columns.is_empty(), || format!("no rows: {url} {root}"))?;
    Ok(rows)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, Failed> {
    Ok(value[key].as_str().ok_or_else(|| format!("no {key}: {value}"))?)
}

/// A text with Grafana's variables replaced, `${name}` and, escaped for an address, `${name:percentencode}`.
fn filled_in(template: &str, variables: &BTreeMap<String, String>) -> String {
    variables.iter().fold(template.to_owned(), |text, (name, value)| {
        let escaped: Vec<String> = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        text.replace(&format!("${{{name}:percentencode}}"), &escaped.concat())
            .replace(&format!("${{{name}}}"), value)
    })
}

/// What a selector takes out of an answer, as far as the dashboards use `JSONata`: steps with a point between, of which
/// one may have a filter (`streams[name='a']`) and the last may make objects of values (`{"metric": $}`).
fn selected(answer: &Value, selector: &str) -> Vec<Value> {
    selector.split('.').fold(vec![answer.clone()], |values, step| {
        if let Some(key) = step.strip_prefix("{\"").and_then(|step| step.strip_suffix("\": $}")) {
            return values.into_iter().map(|value| serde_json::json!({ key: value })).collect();
        }
        let (name, filter) = step.split_once('[').unwrap_or((step, ""));
        let filter = filter.trim_end_matches(']').split_once('=');
        let found = values.iter().flat_map(|value| match &value[name] {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        });
        let holds = |value: &Value| {
            filter.is_none_or(|(key, wanted)| value[key] == wanted.trim_matches('\''))
        };
        found.filter(holds).collect()
    })
}

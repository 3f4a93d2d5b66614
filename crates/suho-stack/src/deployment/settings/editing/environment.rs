//! The environment of a service in a compose file.

use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

use super::{indentation, newline, refuse_control, replaced, with_blank_lines};

/// A variable as it stands in the file.
struct Variable {
    name: String,
    at: usize,
    value: Range<usize>,
}

/// The variables of one service, and where the block that holds them begins; none where it has no such block.
#[derive(Default)]
struct Environment {
    variables: Vec<Variable>,
    service: Option<usize>,
}

/// `docker-compose.yml`; the key is the service and the variable: `suho-weaviate.LOG_LEVEL`.
pub fn environment(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    let (service, name) = key
        .split_once('.')
        .ok_or_else(|| format!("`{key}` names no service; write SERVICE.VARIABLE"))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!(
            "`{name}` is no name of a variable; use letters, digits and `_`"
        ));
    }
    let environment = environment_of(text, service)?;
    if environment.service.is_none() {
        return Err(format!("there is no service `{service}`"));
    }
    let variable = environment.variables.iter().find(|variable| variable.name == name);
    match (variable, value) {
        (None, None) => Ok(text.to_owned()),
        (Some(variable), None) if environment.variables.len() > 1 => {
            let range = variable.at..variable.value.end;
            Ok(replaced(text, with_blank_lines(text, range, &["#"]), ""))
        }
        (Some(_), None) => Err(format!(
            "`{name}` is the last variable of {service}; remove its `environment` in the file"
        )),
        (Some(variable), Some(value)) => Ok(replaced(text, variable.value.clone(), &written(value)?)),
        (None, Some(value)) => match environment.variables.last() {
            Some(last) => {
                let end = text[last.value.end..]
                    .find('\n')
                    .map_or(text.len(), |at| last.value.end + at);
                let line = format!(
                    "{}{}{name}: {}",
                    newline(text),
                    indentation(text, last.at),
                    written(value)?
                );
                Ok(replaced(text, end..end, &line))
            }
            None => Err(format!("{service} has no `environment`; write one in the file")),
        },
    }
}

/// Reads the events of the file: mappings in mappings, down to `services.NAME.environment`.
fn environment_of(text: &str, service: &str) -> Result<Environment, String> {
    let mut environment = Environment::default();
    let mut path: Vec<Option<String>> = Vec::new();
    let mut key: Option<(String, usize)> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.info().clone())?;
        let in_environment = is_at(&path, service);
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let name = key.take().map(|(name, _)| name);
                path.push(name);
                if path.len() == 3 && path[1].as_deref() == Some("services") && path[2].as_deref() == Some(service) {
                    environment.service = span.start.byte_offset();
                }
            }
            Event::MappingEnd | Event::SequenceEnd => {
                path.pop();
                key = None;
            }
            Event::Scalar(value, style, ..) => match key.take() {
                None => key = Some((value.into_owned(), span.start.byte_offset().unwrap_or_default())),
                Some((name, at)) if in_environment => {
                    let range = span.byte_range().ok_or("the file cannot be measured")?;
                    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                        return Err(format!("`{name}` goes on over several lines; write it in the file"));
                    }
                    let end = range.start + text[range.clone()].trim_end().len();
                    environment.variables.push(Variable {
                        name,
                        at,
                        value: range.start..end,
                    });
                }
                Some(_) => {}
            },
            Event::Alias(_) => key = None,
            _ => {}
        }
    }
    Ok(environment)
}

fn is_at(path: &[Option<String>], service: &str) -> bool {
    let expected = [None, Some("services"), Some(service), Some("environment")];
    path.len() == expected.len() && path.iter().map(Option::as_deref).eq(expected)
}

/// In double quotes, which JSON shares with YAML; compose reads `$$` as `$`.
fn written(value: &str) -> Result<String, String> {
    refuse_control(value)?;
    let value = value.replace('$', "$$");
    serde_json::to_string(&value).map_err(|error| error.to_string())
}

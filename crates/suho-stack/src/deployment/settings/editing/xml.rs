//! The configuration files of ClickHouse.

use roxmltree::{Document, Node};

use super::{indentation, newline, refuse_control, replaced, with_blank_lines};

/// A key taken apart: `users.suho.networks.ip[3]`, `users.suho.password[@from_env]`.
struct Path<'a> {
    /// Each with its number among those of its name.
    elements: Vec<(&'a str, usize)>,
    attribute: Option<&'a str>,
}

/// `clickhouse-config.xml`
pub fn xml(text: &str, key: &str, value: Option<&str>) -> Result<String, String> {
    let document = Document::parse(text).map_err(|error| error.to_string())?;
    let path = Path::parse(key)?;
    if let Some(value) = value {
        refuse_control(value)?;
    }
    let mut node = document.root_element();
    let mut missing = path.elements.as_slice();
    while let Some(((name, number), rest)) = missing.split_first() {
        let Some(child) = children(node, name).nth(*number) else {
            break;
        };
        (node, missing) = (child, rest);
    }
    match (missing.is_empty(), value) {
        (false, None) => Ok(text.to_owned()),
        (false, Some(value)) => inserted(text, node, missing, path.attribute, value),
        (true, value) => match (path.attribute, value) {
            (Some(name), value) => Ok(attribute(text, node, name, value)),
            (None, Some(value)) => content(text, node, key, value),
            (None, None) if children_of(node).next().is_some() => Err(is_section(key)),
            (None, None) => Ok(without(text, node)),
        },
    }
}

impl<'a> Path<'a> {
    fn parse(key: &'a str) -> Result<Self, String> {
        let (elements, attribute) = match key.strip_suffix(']').and_then(|key| key.split_once("[@")) {
            Some((elements, attribute)) => (elements, Some(attribute)),
            None => (key, None),
        };
        let mut parsed = Vec::new();
        for part in elements.split('.') {
            let (name, number) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((name, number)) => (name, number.parse().ok()),
                None => (part, Some(0)),
            };
            let number = number.ok_or_else(|| format!("`{part}` has no number between its brackets"))?;
            parsed.push((named(name)?, number));
        }
        let attribute = attribute.map(named).transpose()?;
        Ok(Self {
            elements: parsed,
            attribute,
        })
    }
}

/// A name that may be written as one of an element.
fn named(name: &str) -> Result<&str, String> {
    let first = |c: char| c.is_alphabetic() || c == '_';
    let other = |c: char| c.is_alphanumeric() || "_-".contains(c);
    if name.starts_with(first) && name.chars().all(other) {
        Ok(name)
    } else {
        Err(format!(
            "`{name}` is no name of an element; use letters, digits, `_` and `-`"
        ))
    }
}

fn children_of<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

fn children<'a, 'input>(node: Node<'a, 'input>, name: &str) -> impl Iterator<Item = Node<'a, 'input>> {
    children_of(node).filter(move |child| child.tag_name().name() == name)
}

fn is_section(key: &str) -> String {
    format!("`{key}` is a section; name what is in it")
}

/// The text of an element; comments in it stay.
fn content(text: &str, node: Node<'_, '_>, key: &str, value: &str) -> Result<String, String> {
    if children_of(node).next().is_some() {
        return Err(is_section(key));
    }
    let mut pieces = node.children().filter(Node::is_text).collect::<Vec<_>>();
    pieces.reverse();
    let Some(first) = pieces.pop() else {
        return Ok(filled(text, node, &escaped(value)));
    };
    let blank = |text: String, piece: Node<'_, '_>| replaced(&text, piece.range(), "");
    let without_others = pieces.into_iter().fold(text.to_owned(), blank);
    Ok(replaced(&without_others, first.range(), &escaped(value)))
}

/// An element without text, with something in it.
fn filled(text: &str, node: Node<'_, '_>, inner: &str) -> String {
    let range = node.range();
    let name = node.tag_name().name();
    if let Some(tag) = text[range.clone()].strip_suffix("/>") {
        return replaced(text, range, &format!("{}>{inner}</{name}>", tag.trim_end()));
    }
    let end = end_tag(text, node);
    replaced(text, end..end, inner)
}

/// Where the closing tag of an element begins.
fn end_tag(text: &str, node: Node<'_, '_>) -> usize {
    let range = node.range();
    range.start + text[range].rfind("</").unwrap_or_default()
}

fn attribute(text: &str, node: Node<'_, '_>, name: &str, value: Option<&str>) -> String {
    let existing = node.attributes().find(|attribute| attribute.name() == name);
    match (existing, value) {
        (Some(attribute), Some(value)) => {
            let range = attribute.range_value();
            let quote = &text[range.end..=range.end];
            let escaped = escaped(value).replace(quote, if quote == "'" { "&apos;" } else { "&quot;" });
            replaced(text, range, &escaped)
        }
        (Some(attribute), None) => {
            let range = attribute.range();
            let start = text[..range.start].trim_end().len();
            replaced(text, start..range.end, "")
        }
        (None, Some(value)) => {
            let at = node.range().start + 1 + node.tag_name().name().len();
            replaced(text, at..at, &in_tag(name, value))
        }
        (None, None) => text.to_owned(),
    }
}

fn in_tag(name: &str, value: &str) -> String {
    format!(" {name}=\"{}\"", escaped(value).replace('"', "&quot;"))
}

/// The missing elements, as the last of `parent`.
fn inserted(
    text: &str,
    parent: Node<'_, '_>,
    missing: &[(&str, usize)],
    attribute: Option<&str>,
    value: &str,
) -> Result<String, String> {
    for (index, (name, number)) in missing.iter().enumerate() {
        let there = if index == 0 { children(parent, name).count() } else { 0 };
        if *number != there {
            return Err(format!(
                "there are {there} elements {name}, so the next one is {name}[{there}]"
            ));
        }
    }
    if children_of(parent).next().is_none() && parent.text().is_some_and(|text| !text.trim().is_empty()) {
        let name = parent.tag_name().name();
        return Err(format!("`{name}` holds a value, so nothing can be set in it"));
    }
    let (leaf, sections) = missing.split_last().ok_or("there is no name")?;
    let (tag, inner) = match attribute {
        Some(name) => (in_tag(name, value), String::new()),
        None => (String::new(), escaped(value)),
    };
    let element = format!("<{0}{tag}>{inner}</{0}>", leaf.0);
    let element = sections
        .iter()
        .rev()
        .fold(element, |inner, (name, _)| format!("<{name}>{inner}</{name}>"));
    if text[parent.range()].ends_with("/>") {
        return Ok(filled(text, parent, &element));
    }
    let end = end_tag(text, parent);
    let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
    if start > 0 && text[start..end].trim().is_empty() {
        let line = format!("{}    {element}{}", indentation(text, end), newline(text));
        return Ok(replaced(text, start..start, &line));
    }
    Ok(replaced(text, end..end, &element))
}

/// Without the element, and without those that nothing is left in.
fn without(text: &str, node: Node<'_, '_>) -> String {
    let emptied = |parent: &Node<'_, '_>| {
        let is_root = parent.parent().is_none_or(|above| !above.is_element());
        !is_root && parent.attributes().len() == 0 && children_of(*parent).count() == 1
    };
    match node.parent().filter(Node::is_element).filter(emptied) {
        Some(parent) => without(text, parent),
        None => replaced(text, with_blank_lines(text, node.range(), &["<!--"]), ""),
    }
}

fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

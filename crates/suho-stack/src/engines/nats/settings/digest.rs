//! The server's digest of its configuration, computed from ours.
//!
//! The server hashes the parsed file, with the variables filled in, as JSON with sorted keys and a newline behind it: comments,
//! blanks and the order of the lines do not count, every value does.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::deployment::Setting;

/// What the server would say of these settings: `sha256:…`.
///
/// `variable` gives the value of `$NAME`.
pub(super) fn of<'a>(settings: impl Iterator<Item = &'a Setting>, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut root = json!({});
    for setting in settings {
        *place(&mut root, &setting.key) = parsed(setting.value.expose(), variable);
    }
    // Keys are sorted: `serde_json`'s map is a tree.
    let text = as_go_writes(&root.to_string());
    format!("sha256:{:x}", Sha256::digest(format!("{text}\n")))
}

/// Where `path` leads; what is missing on the way is made. A number stands for an item of a list.
fn place<'a>(root: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(root, |value, step| match step.parse::<usize>() {
        Ok(index) => item(value, index),
        Err(_) => entry(value, step),
    })
}

fn item(value: &mut Value, index: usize) -> &mut Value {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    let Value::Array(items) = value else { return value };
    while items.len() <= index {
        items.push(Value::Null);
    }
    &mut items[index]
}

fn entry<'a>(value: &'a mut Value, key: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    &mut value[key]
}

/// The value of a leaf, with the type that the server's parser gives it.
fn parsed(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Value {
    if let Some(name) = text.strip_prefix('$') {
        return variable(name).map_or(Value::Null, |value| parsed(&value, &|_| None));
    }
    if let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return json!(quoted);
    }
    match text {
        "{}" => json!({}),
        "[]" => json!([]),
        _ => boolean(text)
            .map(Value::Bool)
            .or_else(|| number(text).map(|number| json!(number)))
            .unwrap_or_else(|| json!(text)),
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "t" => Some(true),
        "false" | "no" | "off" | "f" => Some(false),
        _ => None,
    }
}

/// `1000`, `1k` for a thousand, `1kb` and `1ki` for 1024.
pub(in super::super) fn number(text: &str) -> Option<i64> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '-'))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let factor: i64 = match suffix.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1_000,
        "kb" | "ki" | "kib" => 1 << 10,
        "m" => 1_000_000,
        "mb" | "mi" | "mib" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" | "gi" | "gib" => 1 << 30,
        "t" => 1_000_000_000_000,
        "tb" | "ti" | "tib" => 1 << 40,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(factor)
}

/// Go's encoder writes what could end a script in a page as escapes.
fn as_go_writes(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::deployment::{SettingKind, SettingValue};

    fn settings(leaves: &[(&str, &str)]) -> Vec<Setting> {
        leaves
            .iter()
            .map(|(key, value)| Setting {
                file: "nats-server.conf".to_owned(),
                line: 1,
                key: (*key).to_owned(),
                value: SettingValue::Plain((*value).to_owned()),
                kind: SettingKind::File,
            })
            .collect()
    }

    /// The digests are those that `nats-server -t` of 2.15.1 printed for `a: 1MB`, and for the second file below.
    #[test]
    fn the_digest_is_the_servers_own() {
        let of = |leaves: &[(&str, &str)]| of(settings(leaves).iter(), &|_| Some("secret".to_owned()));

        assert_eq!(of(&[("max_payload", "1MB")]), ONE_LEAF);
        assert_eq!(
            of(&[
                ("logtime", "true"),
                ("ping_interval", "20s"),
                ("accounts.A.users.0.user", "a"),
                ("accounts.A.users.0.password", "$P"),
                ("accounts.A.users.1.user", "b<>&"),
                ("accounts.A.users.1.password", "\"17\""),
            ]),
            NESTED
        );
    }

    const ONE_LEAF: &str = "sha256:805e8fcac4b17c72405e5f4bef5d73b2dd137a8b3f920d23191ff59feb44d80e";
    const NESTED: &str = "sha256:1de64d4c0db0ecfd7fff80b5ce5f95d7c0063fb54949d58b8b2c9bcc7048ccd7";

    proptest! {
        #[test]
        fn every_value_counts_and_the_order_does_not(payload in 1u32..1_000_000, pending in 1u32..1_000_000) {
            let (payload, pending) = (payload.to_string(), pending.to_string());
            let digest = |leaves: &[(&str, &str)]| of(settings(leaves).iter(), &|_| None);
            let one = digest(&[("max_payload", &payload), ("max_pending", &pending)]);
            let other = digest(&[("max_pending", &pending), ("max_payload", &payload)]);
            prop_assert_eq!(&one, &other);
            let changed = digest(&[("max_payload", &format!("{payload}0")), ("max_pending", &pending)]);
            prop_assert_ne!(one, changed);
        }
    }
}

//! The names that an engine knows, out of a list in its folder, and what it expects of their values.
//!
//! A list is a text: what its names are, where they were taken from, then a name a line, sorted, with the kind of its value
//! behind it where that is certain. `*` stands for one part between dots, at the end for all that follows.

use std::collections::{BTreeMap, BTreeSet};

use crate::deployment::{Setting, SettingKind};

/// What differs less from an unknown name than this may have been meant: 0 is nothing in common, 1 is the same.
const LIKENESS: f64 = 0.6;

/// The line of a list that does not claim to hold every name.
const NOT_WHOLE: &str = "# Not whole.";

/// What is wrong with a setting, as far as it can be told without the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// In words.
    pub message: String,
    /// The known name that is most like an unknown one.
    pub nearest: Option<String>,
}

impl Objection {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            nearest: None,
        }
    }

    /// The same with the name that may have been meant spelled out, where a list leaves out what it begins with.
    pub(super) fn within(self, scope: &str) -> Self {
        Self {
            nearest: self.nearest.map(|nearest| format!("{scope}{nearest}")),
            ..self
        }
    }
}

/// What an engine expects of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whatever.
    Any,
    /// Yes or no, as the engine spells them.
    Boolean,
    /// A whole number.
    Integer,
    /// A number, with or without a fraction.
    Number,
    /// A number of bytes, with or without a unit.
    Size,
    /// A time, with or without a unit.
    Duration,
    /// Something that begins with a digit, whatever its unit.
    Quantity,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "" => Self::Any,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "size" => Self::Size,
            "duration" => Self::Duration,
            "quantity" => Self::Quantity,
            _ => return None,
        })
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Boolean => "a boolean",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Size => "a size",
            Self::Duration => "a duration",
            Self::Quantity => "a quantity",
        }
    }
}

/// How an engine spells the values of each kind.
pub(super) type Spelling = fn(Kind, &str) -> bool;

/// The names of one list.
#[derive(Debug)]
pub struct Vocabulary {
    what: &'static str,
    whole: bool,
    names: BTreeMap<&'static str, Kind>,
    patterns: Vec<(&'static str, Kind)>,
    spelling: Spelling,
}

impl Vocabulary {
    /// Reads `list`; `spelling` tells whether a value is one of a kind.
    pub(super) fn read(list: &'static str, spelling: Spelling) -> Self {
        let entries = list.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, kind) = line.split_once(' ').unwrap_or((line, ""));
            (name, Kind::parse(kind).unwrap_or(Kind::Any))
        });
        let (patterns, names): (Vec<_>, Vec<_>) = entries.partition(|(name, _)| name.contains('*'));
        Self {
            what: list.lines().next().unwrap_or_default().trim_start_matches("# "),
            whole: !list.lines().any(|line| line == NOT_WHOLE),
            names: names.into_iter().collect(),
            patterns,
            spelling,
        }
    }

    /// Every name that is no pattern, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.keys().copied()
    }

    /// True for a name of the list.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.kind_of(name).is_some()
    }

    /// None for an unknown name.
    fn kind_of(&self, name: &str) -> Option<Kind> {
        self.names.get(name).copied().or_else(|| {
            let pattern = self.patterns.iter().find(|(pattern, _)| matches(pattern, name));
            pattern.map(|(_, kind)| *kind)
        })
    }

    /// What is wrong with `name` being set to `value`; without a value nothing is said about it.
    pub(super) fn object(&self, name: &str, value: Option<&str>) -> Option<Objection> {
        let Some(kind) = self.kind_of(name) else {
            return Some(self.unknown(name));
        };
        let is_wrong = |value: &&str| kind != Kind::Any && !(self.spelling)(kind, value);
        let value = value.filter(is_wrong)?;
        let message = format!("`{value}` is not {}, which {name} expects", kind.in_words());
        Some(Objection::new(message))
    }

    /// The same for a setting, whose value is kept to itself where it is secret.
    pub(super) fn object_to(&self, setting: &Setting) -> Option<Objection> {
        self.object(&setting.key, shown(setting))
    }

    pub(super) fn unknown(&self, name: &str) -> Objection {
        let what = self.what;
        let message = if self.whole {
            format!("`{name}` is none of {what}")
        } else {
            format!("`{name}` is not in our list of {what}, which is not whole")
        };
        Objection {
            message,
            nearest: self.nearest(name),
        }
    }

    /// The name that is most like `name`, if one is like it at all.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let lower = name.to_ascii_lowercase();
        let names = self.names.keys().map(|known| (*known).to_owned());
        let filled = self.patterns.iter().filter_map(|(pattern, _)| filled(pattern, name));
        names
            .chain(filled)
            .map(|known| {
                let likeness = strsim::normalized_damerau_levenshtein(&lower, &known.to_ascii_lowercase());
                (likeness, known)
            })
            .filter(|(likeness, _)| *likeness >= LIKENESS)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, known)| known)
    }
}

/// The value, where it may be shown.
pub(super) fn shown(setting: &Setting) -> Option<&str> {
    (!setting.value.is_secret()).then(|| setting.value.expose())
}

/// True for a variable of the environment.
pub(super) fn is_variable(setting: &Setting) -> bool {
    setting.kind == SettingKind::Environment
}

/// What is wrong with each of `settings`: of those in the environment by the list of its variables, of the others by `judge`.
pub(super) fn object_by(
    settings: &[Setting],
    variables: &Vocabulary,
    judge: impl Fn(&Setting) -> Option<Objection>,
) -> Vec<Option<Objection>> {
    let judge = |setting| {
        if is_variable(setting) {
            variables.object_to(setting)
        } else {
            judge(setting)
        }
    };
    settings.iter().map(judge).collect()
}

/// `users.*.profile` is `users.suho.profile`, and `macros.*` all below `macros`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = name.split('.');
    let mut wanted = pattern.split('.').peekable();
    while let Some(part) = wanted.next() {
        match parts.next() {
            Some(_) if part == "*" && wanted.peek().is_none() => return true,
            Some(found) if part == "*" && !found.is_empty() => {}
            // `jemalloc_*`
            Some(found) if part.strip_suffix('*').is_some_and(|start| found.starts_with(start)) => {}
            Some(found) if part == found => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// The pattern with the parts of `name` in the places of its stars; none where there are not as many.
fn filled(pattern: &str, name: &str) -> Option<String> {
    let parts: Vec<_> = name.split('.').collect();
    let wanted: Vec<_> = pattern.split('.').collect();
    if parts.len() != wanted.len() || wanted.last() == Some(&"*") {
        return None;
    }
    let part = |(wanted, part): (&&str, &&str)| {
        if *wanted == "*" {
            (*part).to_owned()
        } else {
            (*wanted).to_owned()
        }
    };
    Some(wanted.iter().zip(&parts).map(part).collect::<Vec<_>>().join("."))
}

/// True for one of `words`, which are in lower case, however it is written.
pub(super) fn is_one_of(words: &[&str], value: &str) -> bool {
    words.contains(&value.to_ascii_lowercase().as_str())
}

/// True for digits with a sign, or not.
pub(super) fn is_integer(value: &str) -> bool {
    value.trim().parse::<i128>().is_ok()
}

/// True for what has a digit first, behind a sign or not.
pub(super) fn begins_with_a_digit(value: &str) -> bool {
    let value = value.trim().trim_start_matches(['-', '+']);
    value.starts_with(|first: char| first.is_ascii_digit() || first == '.')
}

/// True for a number with one of `units` behind it, or with none.
pub(super) fn has_unit_of(value: &str, units: &[&str]) -> bool {
    let value = value.trim();
    let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &value[number.len()..];
    number.trim_end().parse::<f64>().is_ok() && (unit.is_empty() || units.contains(&unit))
}

/// The names of `texts` that look like a variable of ours: `SUHO_KAFKA_PASSWORD`.
#[must_use]
pub fn our_variables<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = texts.into_iter().flat_map(move |text| text.split(move |c| !is_part(c)));
    words.filter(|word| word.starts_with("SUHO_")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use rstest::rstest;

    use super::*;

    const LIST: &str =
        "# the settings of a test\n# Source: none\nport integer\nshared_buffers\nusers.*.profile\nmacros.*";

    fn list() -> Vocabulary {
        Vocabulary::read(LIST, |_, value| is_integer(value))
    }

    /// Sorted, without a name twice, of known kinds, and with a word on where it comes from.
    pub fn assert_list(list: &str) {
        let lines: Vec<_> = list.lines().collect();
        assert!(lines[0].starts_with("# the "), "{}", lines[0]);
        assert!(
            list.lines().skip(1).take(2).any(|line| line.starts_with("# ")),
            "no source"
        );
        let names: Vec<_> = lines.iter().filter(|line| !line.starts_with('#')).collect();
        assert!(names.len() > 2);
        for pair in names.windows(2) {
            let name = |line: &str| line.split(' ').next().unwrap().to_owned();
            assert!(name(pair[0]) < name(pair[1]), "{} stands before {}", pair[0], pair[1]);
        }
        for line in names {
            if let Some((_, kind)) = line.split_once(' ') {
                assert!(Kind::parse(kind).is_some(), "{line}");
            }
        }
    }

    #[rstest]
    #[case("port", true)]
    #[case("users.suho.profile", true)]
    #[case("users.suho.quota", false)]
    #[case("users.profile", false)]
    #[case("macros.shard", true)]
    #[case("macros.shard.more", true)]
    #[case("macros", false)]
    #[case("Port", false)]
    fn a_name_is_known_or_not(#[case] name: &str, #[case] known: bool) {
        assert_eq!(list().knows(name), known);
    }

    #[rstest]
    #[case("shared_bufers", Some("shared_buffers"))]
    #[case("Shared_Buffers", Some("shared_buffers"))]
    #[case("users.suho.profil", Some("users.suho.profile"))]
    #[case("entirely.different", None)]
    fn an_unknown_name_is_told_with_the_nearest(#[case] name: &str, #[case] nearest: Option<&str>) {
        let objection = list().object(name, Some("1")).unwrap();
        assert_eq!(objection.message, format!("`{name}` is none of the settings of a test"));
        assert_eq!(objection.nearest.as_deref(), nearest);
    }

    #[test]
    fn a_value_of_another_kind_is_told() {
        assert_eq!(list().object("port", Some("12")), None);
        assert_eq!(list().object("port", None), None);
        assert_eq!(list().object("shared_buffers", Some("anything")), None);
        let objection = list().object("port", Some("twelve")).unwrap();
        assert_eq!(objection.message, "`twelve` is not a whole number, which port expects");
    }

    #[test]
    fn a_list_that_is_not_whole_says_so() {
        let list = Vocabulary::read("# the flags of a test\n# Source\n# Not whole.\nport", |_, _| true);
        let objection = list.object("prt", None).unwrap();
        assert_eq!(
            objection.message,
            "`prt` is not in our list of the flags of a test, which is not whole"
        );
    }

    #[test]
    fn our_variables_are_found_in_any_text() {
        let found = our_variables(["password: $SUHO_NATS_PASSWORD}", "${env:SUHO_KAFKA_PORT}x MY_SUHO_X"]);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["SUHO_KAFKA_PORT", "SUHO_NATS_PASSWORD"]
        );
    }
}

//! The configuration language of NATS: nested maps and lists, `key: value`, comments by `#` and `//`.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use super::{DeploymentError, Files, Setting, fault, setting};

/// `nats-server.conf`. Every leaf is a setting; its key is its path: `jetstream.store_dir`, `accounts.SUHO.users.0.user`.
///
/// An empty map or list is a leaf, too: `{}`, `[]`. A quoted text that would be a number, a boolean or a variable without its
/// quotes keeps them. Includes are refused.
pub fn nats(files: &Files, file: &str) -> Result<Vec<Setting>, DeploymentError> {
    let mut reader = Reader::new(file, files.text(file)?);
    reader.map("", None)?;
    Ok(reader.settings)
}

/// Where everything stands in a file.
pub(super) struct Outline {
    pub entries: Vec<Entry>,
    pub maps: Vec<MapEnd>,
}

/// A key with its value, or an item of a list.
pub(super) struct Entry {
    pub path: String,
    /// From the key to the end of the value.
    pub all: Range<usize>,
    pub value: Range<usize>,
    pub is_item: bool,
    /// A map or a list.
    pub is_block: bool,
}

/// Where a map ends: at its closing brace, or with the file.
pub(super) struct MapEnd {
    pub path: String,
    pub end: usize,
}

/// The outline of a text; or why it cannot be read.
pub(super) fn outline(text: &str) -> Result<Outline, String> {
    let mut reader = Reader::new("", text);
    reader
        .map("", None)
        .map_err(|error| error.reason().unwrap_or_default().to_owned())?;
    Ok(reader.outline)
}

struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    characters: Peekable<CharIndices<'a>>,
    settings: Vec<Setting>,
    outline: Outline,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            text,
            file,
            characters: text.char_indices().peekable(),
            settings: Vec::new(),
            outline: Outline {
                entries: Vec::new(),
                maps: Vec::new(),
            },
        }
    }
}

impl Reader<'_> {
    /// The entries until `end`, which is the end of the file for the outermost map.
    fn map(&mut self, path: &str, end: Option<char>) -> Result<(), DeploymentError> {
        loop {
            self.skip_blanks_and(",;");
            match self.characters.peek().copied() {
                None if end.is_none() => {
                    self.map_ends(path);
                    return Ok(());
                }
                None => return Err(self.fault("a { is not closed; write } behind its last entry")),
                Some((_, character)) if Some(character) == end => {
                    self.map_ends(path);
                    self.characters.next();
                    return Ok(());
                }
                Some(_) => self.entry(path)?,
            }
        }
    }

    fn map_ends(&mut self, path: &str) {
        let end = self.at();
        self.outline.maps.push(MapEnd {
            path: path.to_owned(),
            end,
        });
    }

    fn entry(&mut self, path: &str) -> Result<(), DeploymentError> {
        let (line, start) = (self.line(), self.at());
        let key = match self.characters.peek() {
            Some((_, quote @ ('"' | '\''))) => {
                let quote = *quote;
                self.quoted(quote)?
            }
            _ => self.word(":={ \t\r\n"),
        };
        if key.is_empty() {
            return Err(self.fault("there is no key in front of the value; write key: value"));
        }
        if key == "include" {
            return Err(self.fault("`include` brings in settings that are not in this file; write them here"));
        }
        self.skip_blanks_and(":=");
        self.placed_value(&joined(path, &key), line, start, false)
    }

    /// A value, with a note on where it stands.
    fn placed_value(&mut self, path: &str, line: usize, start: usize, is_item: bool) -> Result<(), DeploymentError> {
        let value = self.at();
        self.value(path, line)?;
        // Blanks behind a word are read with it and belong to the line.
        let end = value + self.text[value..self.at()].trim_end().len();
        self.outline.entries.push(Entry {
            path: path.to_owned(),
            all: start..end,
            value: value..end,
            is_item,
            is_block: self.text[value..].starts_with(['{', '[']),
        });
        Ok(())
    }

    fn value(&mut self, path: &str, line: usize) -> Result<(), DeploymentError> {
        match self.characters.peek().copied() {
            Some((_, '{')) => {
                self.characters.next();
                self.nested(path, line, "{}", |reader| reader.map(path, Some('}')))
            }
            Some((_, '[')) => {
                self.characters.next();
                self.nested(path, line, "[]", |reader| reader.list(path))
            }
            Some((_, quote @ ('"' | '\''))) => {
                let text = self.quoted(quote)?;
                let value = if is_plain_text(&text) {
                    text
                } else {
                    format!("\"{text}\"")
                };
                self.leaf(path, line, value);
                Ok(())
            }
            _ => {
                let word = self.word(",;}]#\r\n").trim_end().to_owned();
                if word.is_empty() {
                    return Err(self.fault(&format!("`{path}` has no value; write {path}: value")));
                }
                self.leaf(path, line, word);
                Ok(())
            }
        }
    }

    /// What is inside of a map or a list; nothing in it is a leaf of its own.
    fn nested(
        &mut self,
        path: &str,
        line: usize,
        empty: &str,
        read: impl FnOnce(&mut Self) -> Result<(), DeploymentError>,
    ) -> Result<(), DeploymentError> {
        let before = self.settings.len();
        read(self)?;
        if self.settings.len() == before {
            self.leaf(path, line, empty.to_owned());
        }
        Ok(())
    }

    fn list(&mut self, path: &str) -> Result<(), DeploymentError> {
        for index in 0.. {
            self.skip_blanks_and(",");
            match self.characters.peek() {
                None => return Err(self.fault("a [ is not closed; write ] behind its last item")),
                Some((_, ']')) => {
                    self.characters.next();
                    return Ok(());
                }
                Some(_) => {
                    let (line, start) = (self.line(), self.at());
                    self.placed_value(&joined(path, &index.to_string()), line, start, true)?;
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, path: &str, line: usize, value: String) {
        self.settings.push(setting(self.file, line - 1, path.to_owned(), value));
    }

    /// Blanks, comments and the characters of `separators`.
    fn skip_blanks_and(&mut self, separators: &str) {
        while let Some((at, character)) = self.characters.peek().copied() {
            if character == '#' || self.text[at..].starts_with("//") {
                while self.characters.next_if(|(_, character)| *character != '\n').is_some() {}
            } else if character.is_whitespace() || separators.contains(character) {
                self.characters.next();
            } else {
                return;
            }
        }
    }

    /// Everything until one of `ends`.
    fn word(&mut self, ends: &str) -> String {
        let mut word = String::new();
        while let Some((_, character)) = self.characters.next_if(|(_, character)| !ends.contains(*character)) {
            word.push(character);
        }
        word
    }

    /// A text in quotes. Only quotes and backslashes are read as escapes.
    fn quoted(&mut self, quote: char) -> Result<String, DeploymentError> {
        self.characters.next();
        let mut text = String::new();
        while let Some((_, character)) = self.characters.next() {
            match character {
                '\\' if quote == '"' => match self.characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => return Err(self.fault("only \\\\ and \\\" are read as escapes; write the character itself")),
                },
                '\n' => break,
                end if end == quote => return Ok(text),
                other => text.push(other),
            }
        }
        Err(self.fault("the quote is not closed on this line"))
    }

    fn at(&mut self) -> usize {
        self.characters.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// From 1; that of the last character for an error at the end.
    fn line(&mut self) -> usize {
        let at = self.characters.peek().map_or(self.text.trim_end().len(), |(at, _)| *at);
        self.text[..at].matches('\n').count() + 1
    }

    fn fault(&mut self, message: &str) -> DeploymentError {
        fault(self.file, self.line() - 1, message.to_owned())
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Text with and without quotes: neither a number, nor a boolean, nor a variable, nor the beginning of something else.
pub(super) fn is_plain_text(text: &str) -> bool {
    let booleans = ["true", "false", "yes", "no", "on", "off", "t", "f"];
    let is_number = || {
        let digits = text
            .trim_start_matches('-')
            .trim_end_matches(|c: char| c.is_ascii_alphabetic());
        // `5s` is text: its suffix is none of a size.
        let suffix = &text[text.len() - (text.trim_start_matches('-').len() - digits.len())..];
        let is_size = [
            "", "k", "kb", "ki", "kib", "m", "mb", "mi", "mib", "g", "gb", "gi", "gib", "t", "tb", "ti", "tib",
        ]
        .contains(&suffix.to_ascii_lowercase().as_str());
        is_size && digits.parse::<f64>().is_ok()
    };
    !(text.is_empty()
        || text.starts_with(['$', '{', '[', '('])
        || booleans.contains(&text.to_ascii_lowercase().as_str())
        || is_number())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<Vec<(usize, String, String)>, String> {
        let files = Files::embedded().with("a.conf", text);
        let settings = nats(&files, "a.conf").map_err(|error| error.to_string())?;
        Ok(settings
            .into_iter()
            .map(|setting| (setting.line, setting.key, setting.value.expose().to_owned()))
            .collect())
    }

    #[rstest]
    #[case::colon("a: b", 1, "a", "b")]
    #[case::equals("a=b", 1, "a", "b")]
    #[case::blank("a b # why", 1, "a", "b")]
    #[case::comments("# no\n// no\n a: 1MB", 3, "a", "1MB")]
    #[case::quoted("a: \"0.0.0.0:4222\" # why", 1, "a", "0.0.0.0:4222")]
    #[case::quoted_time("a: \"5s\"", 1, "a", "5s")]
    #[case::quoted_number("a: \"5\"", 1, "a", "\"5\"")]
    #[case::quoted_size("a: '5MB'", 1, "a", "\"5MB\"")]
    #[case::quoted_boolean("a: \"on\"", 1, "a", "\"on\"")]
    #[case::escaped("a: \"x\\\"y\\\\\"", 1, "a", "x\"y\\")]
    #[case::map("a {\n  b { c: 1 }\n}", 2, "a.b.c", "1")]
    #[case::map_behind_a_colon("a: { b: 1, }", 1, "a.b", "1")]
    #[case::list("a: [\n {b: 1}\n]", 2, "a.0.b", "1")]
    #[case::list_of_words("a: [x]", 1, "a.0", "x")]
    #[case::nothing_in_a_map("a {}", 1, "a", "{}")]
    #[case::nothing_in_a_list("a: []", 1, "a", "[]")]
    #[case::variable("a: $B", 1, "a", "$B")]
    #[case::subject("a: probe.>", 1, "a", "probe.>")]
    fn a_setting_is_read(#[case] text: &str, #[case] line: usize, #[case] key: &str, #[case] value: &str) {
        assert_eq!(read(text), Ok(vec![(line, key.to_owned(), value.to_owned())]));
    }

    #[rstest]
    #[case("a {\nb: 1\n", "read a.conf:2: a { is not closed")]
    #[case("a: [1", "a [ is not closed")]
    #[case("\na:\n", "`a` has no value")]
    #[case(": 1", "there is no key")]
    #[case("include ./b.conf", "`include` brings in settings")]
    #[case("a: \"b\nc: 1", "the quote is not closed")]
    #[case("a: \"\\n\"", "are read as escapes")]
    fn what_cannot_be_read_is_an_error(#[case] text: &str, #[case] message: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(message), "{error}");
    }

    /// Counted by eye in the file: its lines that hold a value, and the three of the two users on one line each.
    #[test]
    fn the_file_of_the_deployment_is_read_to_its_last_leaf() {
        let files = Files::embedded();
        let text = files.text("nats-server.conf").unwrap();
        let in_lists = text.matches("{user:").count() * 2;
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap().trim())
            .filter(|line| line.contains(':') && !line.contains("{user:") && !line.ends_with('{'))
            .count();

        assert_eq!(nats(&files, "nats-server.conf").unwrap().len(), lines + in_lists);
    }
}

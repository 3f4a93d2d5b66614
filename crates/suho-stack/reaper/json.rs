//! The answers of the Docker engine, as far as the reaper reads them.

use std::collections::BTreeMap;

/// Deeper than any answer.
const DEEPEST: usize = 64;

/// A value; what is neither text nor holds any is nothing here.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    List(Vec<Value>),
    Object(BTreeMap<String, Value>),
    Other,
}

impl Value {
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let value = reader.value()?;
        reader.skip_space();
        (reader.at == text.len()).then_some(value)
    }

    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.get(name),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a list; of anything else none.
    pub fn members(&self) -> &[Self] {
        match self {
            Self::List(members) => members,
            _ => &[],
        }
    }

    /// The names of an object's fields; of anything else none.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Object(fields) => fields.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        self.skip_space();
        match self.text.get(self.at)? {
            b'"' => self.string().map(Value::Text),
            b'[' => self.nested(Self::list),
            b'{' => self.nested(Self::object),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        let value = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Option<Value> {
        let mut members = Vec::new();
        self.expect(b'[')?;
        if self.takes(b']') {
            return Some(Value::List(members));
        }
        loop {
            members.push(self.value()?);
            if self.takes(b']') {
                return Some(Value::List(members));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self) -> Option<Value> {
        let mut fields = BTreeMap::new();
        self.expect(b'{')?;
        if self.takes(b'}') {
            return Some(Value::Object(fields));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            self.expect(b':')?;
            fields.insert(name, self.value()?);
            if self.takes(b'}') {
                return Some(Value::Object(fields));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Option<String> {
        self.expect(b'"')?;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => {
                    let escaped = self.escape()?;
                    bytes.extend(escaped.encode_utf8(&mut [0; 4]).bytes());
                }
                _ => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                // Half of a pair stands in no name.
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        })
    }

    /// A number, `true`, `false`, `null`.
    fn word(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        self.at += length;
        (length > 0).then_some(Value::Other)
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.takes(byte).then_some(())
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_docker_answers_is_read() {
        let text =
            r#" [{"Id":"ab\"c\u00e4", "Names":["/x"],"Ports":[],"N":-1.5e3,"Labels":{"Id":"no"},"O":null}, {}] "#;
        let value = Value::parse(text.as_bytes()).unwrap();

        let [first, second] = value.members() else {
            panic!("{value:?}");
        };
        assert_eq!(first.field("Id").and_then(Value::text), Some("ab\"cä"));
        assert_eq!(first.field("Names").unwrap().members().len(), 1);
        assert_eq!(first.field("Labels").unwrap().names(), ["Id"]);
        assert_eq!(first.field("N"), Some(&Value::Other));
        assert_eq!(second.field("Id"), None);
    }

    #[test]
    fn what_is_cut_or_nested_without_end_is_nothing() {
        for text in ["", "[", "[1", "{\"a\"", "{\"a\":}", "\"\\u12", "[] []"] {
            assert_eq!(Value::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Value::parse("[".repeat(100_000).as_bytes()), None);
    }
}

//! The streams and topics that the platform needs, declared once for compose's one-shots and for this library.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::error::{DeploymentError, Position};
use super::files::Files;

/// The file that declares them.
pub const FILE: &str = "init-scripts/messaging/declarations.conf";

/// Everything that has to exist in the messaging engines before the platform starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declarations {
    /// `JetStream` streams, in the file's order.
    pub streams: Vec<StreamDeclaration>,
    /// Kafka topics, in the file's order.
    pub topics: Vec<TopicDeclaration>,
}

/// A `JetStream` stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDeclaration {
    /// `ORDERS`
    pub name: String,
    /// The configuration as NATS takes it, the name included.
    pub config: Map<String, Value>,
}

/// A Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDeclaration {
    /// `orders`
    pub name: String,
    /// At least 1.
    pub partitions: u32,
    /// The topic's own settings: `retention.ms` and the like.
    pub config: IndexMap<String, String>,
}

impl Declarations {
    /// Reads `init-scripts/messaging/declarations.conf`.
    pub fn read(files: &Files) -> Result<Self, DeploymentError> {
        Self::parse(files.text(FILE)?)
    }

    fn parse(text: &str) -> Result<Self, DeploymentError> {
        let mut declarations = Self::default();
        for (index, line) in text.lines().enumerate() {
            declarations
                .line(line)
                .map_err(|message| DeploymentError::Declaration {
                    at: Position::line(FILE, index + 1),
                    message,
                })?;
        }
        Ok(declarations)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        match line.split_once(char::is_whitespace) {
            Some(("stream", rest)) => self.stream(rest),
            Some(("topic", rest)) => self.topic(rest),
            _ => Err(format!(
                "`{line}` is neither `stream {{…}}` nor `topic NAME partitions=N key=value …`"
            )),
        }
    }

    fn stream(&mut self, text: &str) -> Result<(), String> {
        let config: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| format!("the stream is not a JSON object on one line: {error}"))?;
        let name = match config.get("name") {
            Some(Value::String(name)) if !name.is_empty() => name.clone(),
            _ => return Err("the stream has no \"name\"".to_owned()),
        };
        if self.streams.iter().any(|stream| stream.name == name) {
            return Err(format!("the stream {name} is declared twice; remove one of the two"));
        }
        self.streams.push(StreamDeclaration { name, config });
        Ok(())
    }

    fn topic(&mut self, text: &str) -> Result<(), String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let mut config = IndexMap::new();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| format!("`{word}` of the topic {name} is not key=value"))?;
            if config.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(format!("the topic {name} sets {key} twice"));
            }
        }
        let partitions = match config.shift_remove("partitions").map(|number| number.parse()) {
            Some(Ok(partitions)) if partitions > 0 => partitions,
            _ => return Err(format!("the topic {name} needs partitions=N, N being at least 1")),
        };
        if self.topics.iter().any(|topic| topic.name == name) {
            return Err(format!("the topic {name} is declared twice; remove one of the two"));
        }
        self.topics.push(TopicDeclaration {
            name,
            partitions,
            config,
        });
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn streams_and_topics_are_read() {
        let text =
            "# why\n\nstream {\"name\": \"ORDERS\", \"subjects\": [\"orders.>\"]}\n topic a.b partitions=3  k=v=w";
        let declarations = Declarations::parse(text).unwrap();
        let [stream] = declarations.streams.as_slice() else {
            panic!("{declarations:?}")
        };
        assert_eq!(
            (stream.name.as_str(), &stream.config["subjects"][0]),
            ("ORDERS", &"orders.>".into())
        );
        let topic = TopicDeclaration {
            name: "a.b".to_owned(),
            partitions: 3,
            config: [("k".to_owned(), "v=w".to_owned())].into_iter().collect(),
        };
        assert_eq!(declarations.topics, [topic]);
    }

    #[test]
    fn those_of_the_deployment_are_read() {
        let declarations = Declarations::read(&Files::embedded()).unwrap();
        assert!(!declarations.topics.is_empty());
    }

    #[rstest]
    #[case("# why\nqueue a", "declarations.conf:2: `queue a` is neither")]
    #[case("stream", "`stream` is neither")]
    #[case("stream [1]", "not a JSON object on one line")]
    #[case("stream {", "not a JSON object on one line")]
    #[case("stream {\"subjects\": []}", "the stream has no \"name\"")]
    #[case(
        "stream {\"name\": \"A\"}\nstream {\"name\": \"A\"}",
        "conf:2: the stream A is declared twice"
    )]
    #[case("topic a", "the topic a needs partitions=N")]
    #[case("topic a partitions=0", "the topic a needs partitions=N")]
    #[case("topic a partitions=x", "the topic a needs partitions=N")]
    #[case("topic a partitions", "`partitions` of the topic a is not key=value")]
    #[case("topic a partitions=1 b=c b=d", "the topic a sets b twice")]
    #[case(
        "topic a partitions=1\ntopic a partitions=1",
        "conf:2: the topic a is declared twice"
    )]
    fn a_bad_line_is_an_error(#[case] text: &str, #[case] message: &str) {
        let error = Declarations::parse(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

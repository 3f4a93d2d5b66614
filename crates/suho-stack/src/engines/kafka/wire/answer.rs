//! Reading an answer, field by field, and what it holds.

use std::io;

use super::access::Access;
use super::records::Identity;

/// What is left to read of an answer.
pub(super) struct Answer<'a> {
    rest: &'a [u8],
}

/// The cluster, as it is told to the clients of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Cluster {
    pub id: String,
    /// The number of the broker that controls it; -1 where none does.
    pub controller: i32,
    pub brokers: Vec<Broker>,
}

/// Where a client goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Broker {
    pub number: i32,
    pub host: String,
    pub port: i32,
}

/// One key of a broker's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Config {
    pub name: String,
    /// None where the broker keeps it to itself: a password, or a key that it does not know.
    pub value: Option<String>,
    pub source: Source,
    pub kind: Kind,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Source {
    /// The file that the broker was started with.
    File,
    /// Nobody set it.
    Default,
    /// Somebody changed this running broker.
    ThisBroker,
    /// Somebody changed all running brokers.
    AllBrokers,
    /// None of these: a logger's is this always.
    Other,
}

/// How the broker reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Not at all: the key is not its own, and it repeats it all the same.
    Unknown,
    Boolean,
    Number,
    List,
    Password,
    Text,
}

impl<'a> Answer<'a> {
    /// What follows the header.
    pub(super) fn to(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Of `Metadata`, version 2.
    pub(super) fn cluster(mut self) -> io::Result<Cluster> {
        let brokers = (0..self.int()?).map(|_| self.broker()).collect::<io::Result<_>>()?;
        Ok(Cluster {
            brokers,
            id: self.text()?.unwrap_or_default(),
            controller: self.int()?,
        })
    }

    fn broker(&mut self) -> io::Result<Broker> {
        let broker = Broker {
            number: self.int()?,
            host: self.text()?.unwrap_or_default(),
            port: self.int()?,
        };
        let _rack = self.text()?;
        Ok(broker)
    }

    /// Of `DescribeConfigs`, version 3, about one resource.
    pub(super) fn configs(mut self) -> io::Result<Vec<Config>> {
        let _throttled = self.int()?;
        if self.int()? != 1 {
            return Err(io::Error::other("the answer is about another resource"));
        }
        if let Some(refusal) = self.outcome()? {
            return Err(io::Error::other(refusal));
        }
        let _kind_of_resource = self.byte()?;
        let _name_of_resource = self.text()?;
        (0..self.int()?).map(|_| self.config()).collect()
    }

    fn config(&mut self) -> io::Result<Config> {
        let name = self.text()?.unwrap_or_default();
        let value = self.text()?;
        let _is_read_only = self.byte()?;
        let source = match self.byte()? {
            2 => Source::ThisBroker,
            3 => Source::AllBrokers,
            4 => Source::File,
            5 => Source::Default,
            _ => Source::Other,
        };
        let _is_sensitive = self.byte()?;
        let _no_synonyms = self.int()?;
        let kind = match self.byte()? {
            0 => Kind::Unknown,
            1 => Kind::Boolean,
            3..=6 => Kind::Number,
            7 => Kind::List,
            9 => Kind::Password,
            _ => Kind::Text,
        };
        let _no_documentation = self.text()?;
        Ok(Config {
            name,
            value,
            source,
            kind,
        })
    }

    /// Of `IncrementalAlterConfigs`, version 0, about one resource.
    pub(super) fn refusal(mut self) -> io::Result<Option<String>> {
        let _throttled = self.int()?;
        let _resources = self.int()?;
        self.outcome()
    }

    /// Of `InitProducerId`, version 1; none while the broker still fetches the numbers that it gives away.
    pub(super) fn identity(mut self) -> io::Result<Option<Identity>> {
        const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
        let _throttled = self.int()?;
        match self.short()? {
            0 => Ok(Some(Identity {
                number: self.long()?,
                epoch: self.short()?,
            })),
            COORDINATOR_LOAD_IN_PROGRESS => Ok(None),
            code => Err(io::Error::other(format!("error {code}"))),
        }
    }

    /// Of `Produce`, version 3, to one partition.
    pub(super) fn offset(mut self) -> io::Result<Result<i64, i16>> {
        let _topics = self.int()?;
        let _topic = self.text()?;
        let _partitions = self.int()?;
        let _partition = self.int()?;
        let code = self.short()?;
        let offset = self.long()?;
        Ok(if code == 0 { Ok(offset) } else { Err(code) })
    }

    /// Of `DescribeAcls`, version 1.
    pub(super) fn accesses(mut self) -> io::Result<Vec<Access>> {
        let _throttled = self.int()?;
        if let Some(refusal) = self.outcome()? {
            return Err(io::Error::other(refusal));
        }
        let mut accesses = Vec::new();
        for _ in 0..self.int()? {
            let _kind_of_resource = self.byte()?;
            let topic = self.text()?.unwrap_or_default();
            let _pattern = self.byte()?;
            for _ in 0..self.int()? {
                let principal = self.text()?.unwrap_or_default();
                let _host = self.text()?;
                let _operation_and_permission = self.bytes(2)?;
                let topic = topic.clone();
                accesses.push(Access { topic, principal });
            }
        }
        Ok(accesses)
    }

    /// Of `CreateAcls` and `DeleteAcls`, version 1: the first refusal of any entry.
    pub(super) fn first_refusal(
        mut self,
        mut skip: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<Option<String>> {
        let _throttled = self.int()?;
        for _ in 0..self.int()? {
            if let Some(refusal) = self.outcome()? {
                return Ok(Some(refusal));
            }
            skip(&mut self)?;
        }
        Ok(None)
    }

    /// What `DeleteAcls` says of each entry that it deleted.
    pub(super) fn deleted_access(&mut self) -> io::Result<()> {
        for _ in 0..self.int()? {
            let _outcome = self.outcome()?;
            let _kind_of_resource = self.byte()?;
            let _name = self.text()?;
            let _pattern = self.byte()?;
            let _principal = self.text()?;
            let _host = self.text()?;
            let _operation_and_permission = self.bytes(2)?;
        }
        Ok(())
    }

    /// Of `CreateTopics`, version 2, of one topic: its error code and message.
    pub(super) fn created(mut self) -> io::Result<Result<(), (i16, String)>> {
        let _throttled = self.int()?;
        let _topics = self.int()?;
        let _topic = self.text()?;
        let code = self.short()?;
        let message = self.text()?;
        if code == 0 {
            return Ok(Ok(()));
        }
        Ok(Err((code, message.unwrap_or_default())))
    }

    /// Of `DeleteTopics`, version 1, and `DeleteGroups`, version 0: the error code of each name.
    pub(super) fn deleted(mut self) -> io::Result<Vec<(String, i16)>> {
        let _throttled = self.int()?;
        (0..self.int()?)
            .map(|_| Ok((self.text()?.unwrap_or_default(), self.short()?)))
            .collect()
    }

    /// Of `Metadata`, version 2: the names of the topics.
    pub(super) fn topics(mut self) -> io::Result<Vec<String>> {
        for _ in 0..self.int()? {
            self.broker()?;
        }
        let _cluster = self.text()?;
        let _controller = self.int()?;
        let mut topics = Vec::new();
        for _ in 0..self.int()? {
            let _error = self.short()?;
            topics.push(self.text()?.unwrap_or_default());
            let _is_internal = self.byte()?;
            for _ in 0..self.int()? {
                let _error_and_number_and_leader = self.bytes(10)?;
                for _ in 0..2 {
                    let _replicas = (0..self.int()?).map(|_| self.int()).collect::<io::Result<Vec<_>>>()?;
                }
            }
        }
        Ok(topics)
    }

    /// Of `ListGroups`, version 0.
    pub(super) fn groups(mut self) -> io::Result<Vec<String>> {
        match self.short()? {
            0 => {}
            code => return Err(io::Error::other(format!("error {code}"))),
        }
        let mut groups = Vec::new();
        for _ in 0..self.int()? {
            groups.push(self.text()?.unwrap_or_default());
            let _protocol = self.text()?;
        }
        Ok(groups)
    }

    /// Of `DescribeGroups`, version 0, of one group: the numbers of its members.
    pub(super) fn members(mut self) -> io::Result<Vec<String>> {
        let _groups = self.int()?;
        let _error = self.short()?;
        for _ in 0..4 {
            let _group_and_state_and_protocol = self.text()?;
        }
        let mut members = Vec::new();
        for _ in 0..self.int()? {
            members.push(self.text()?.unwrap_or_default());
            let _client = self.text()?;
            let _host = self.text()?;
            for _ in 0..2 {
                let length = usize::try_from(self.int()?).unwrap_or(0);
                let _metadata_and_assignment = self.bytes(length)?;
            }
        }
        Ok(members)
    }

    /// Of `ListOffsets`, version 1, of one partition: the offset, or the code of the refusal.
    pub(super) fn listed(mut self) -> io::Result<Result<i64, i16>> {
        let _topics = self.int()?;
        let _topic = self.text()?;
        let _partitions = self.int()?;
        let _partition = self.int()?;
        let code = self.short()?;
        let _timestamp = self.long()?;
        let offset = self.long()?;
        Ok(if code == 0 { Ok(offset) } else { Err(code) })
    }

    /// Of `Fetch`, version 4, of one partition: where it ends, and the batches.
    pub(super) fn fetched(mut self) -> io::Result<(i64, &'a [u8])> {
        let _throttled = self.int()?;
        let _topics = self.int()?;
        let _topic = self.text()?;
        let _partitions = self.int()?;
        let _partition = self.int()?;
        match self.short()? {
            0 => {}
            code => return Err(io::Error::other(format!("error {code}"))),
        }
        let end = self.long()?;
        let _last_stable = self.long()?;
        for _ in 0..self.int()? {
            let _aborted = self.bytes(16)?;
        }
        let length = usize::try_from(self.int()?).unwrap_or(0);
        Ok((end, self.bytes(length)?))
    }

    /// Of `DeleteRecords`, version 0, of one partition: the code of its refusal; 0 for none.
    pub(super) fn forgotten(mut self) -> io::Result<i16> {
        let _throttled = self.int()?;
        let _topics = self.int()?;
        let _topic = self.text()?;
        let _partitions = self.int()?;
        let _partition = self.int()?;
        let _start = self.long()?;
        self.short()
    }

    /// An error code and its message; nothing for a success.
    fn outcome(&mut self) -> io::Result<Option<String>> {
        let code = self.short()?;
        let message = self.text()?;
        Ok((code != 0).then(|| message.unwrap_or_else(|| format!("error {code}"))))
    }

    fn bytes(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> io::Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    fn short(&mut self) -> io::Result<i16> {
        let bytes = self.bytes(2)?.try_into().map_err(io::Error::other)?;
        Ok(i16::from_be_bytes(bytes))
    }

    fn int(&mut self) -> io::Result<i32> {
        let bytes = self.bytes(4)?.try_into().map_err(io::Error::other)?;
        Ok(i32::from_be_bytes(bytes))
    }

    fn long(&mut self) -> io::Result<i64> {
        let bytes = self.bytes(8)?.try_into().map_err(io::Error::other)?;
        Ok(i64::from_be_bytes(bytes))
    }

    /// A length of -1 is no text at all.
    fn text(&mut self) -> io::Result<Option<String>> {
        match usize::try_from(self.short()?) {
            Ok(length) => Ok(Some(String::from_utf8_lossy(self.bytes(length)?).into_owned())),
            Err(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with its length in front.
    fn text(text: &str) -> Vec<u8> {
        let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
        [&length.to_be_bytes(), text.as_bytes()].concat()
    }

    const NOTHING: [u8; 2] = [0xff, 0xff];

    #[test]
    fn a_cluster_is_its_brokers_its_name_and_its_controller() {
        let answer = [
            &[0, 0, 0, 1, 0, 0, 0, 7][..],
            &text("suho-kafka"),
            &[0, 0, 0x71, 0xa4],
            &NOTHING,
            &text("vYlFeF2rRpitKCLwbsFGfA"),
            &[0, 0, 0, 7, 0, 0, 0, 0],
        ]
        .concat();

        let cluster = Answer::to(&answer).cluster().ok();

        let broker = Broker {
            number: 7,
            host: "suho-kafka".into(),
            port: 29092,
        };
        let expected = Cluster {
            id: "vYlFeF2rRpitKCLwbsFGfA".into(),
            controller: 7,
            brokers: vec![broker],
        };
        assert_eq!(cluster, Some(expected));
    }

    #[test]
    fn a_key_that_the_broker_does_not_know_has_no_kind_and_no_value() {
        let key = |name: &str, value: &[u8], source: u8, kind: u8| {
            let flags = [0, source, 0, 0, 0, 0, 0, kind];
            [&text(name)[..], value, &flags, &NOTHING].concat()
        };
        let answer = [
            &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0][..],
            &NOTHING,
            &[4],
            &text("1"),
            &[0, 0, 0, 2],
            &key("broker.id", &text("1"), 4, 3),
            &key("broker.idx", &NOTHING, 4, 0),
        ]
        .concat();

        let configs = Answer::to(&answer).configs().unwrap_or_default();

        let config = |name: &str, value: Option<&str>, kind| Config {
            name: name.into(),
            value: value.map(str::to_owned),
            source: Source::File,
            kind,
        };
        let expected = [
            config("broker.id", Some("1"), Kind::Number),
            config("broker.idx", None, Kind::Unknown),
        ];
        assert_eq!(configs, expected);
    }

    #[test]
    fn a_refusal_is_told_and_a_success_is_none() {
        let refused = [&[0; 4][..], &[0, 0, 0, 1, 0, 42], &text("Invalid value")].concat();
        assert_eq!(
            Answer::to(&refused).refusal().ok().flatten().as_deref(),
            Some("Invalid value")
        );

        let taken = [&[0; 4][..], &[0, 0, 0, 1, 0, 0], &NOTHING].concat();
        assert!(matches!(Answer::to(&taken).refusal(), Ok(None)));
    }

    #[test]
    fn an_answer_that_is_cut_is_an_error() {
        assert!(Answer::to(&[0, 0, 0, 1, 0]).cluster().is_err());
        assert!(Answer::to(&[]).configs().is_err());
    }
}

//! Kafka's protocol for a handful of questions, where librdkafka would not say what the broker answered or would ask too seldom.
//!
//! # Layout
//! - here: the connection, and the questions.
//! - [`access`]: who may do what, as the broker keeps it.
//! - [`answer`]: reading an answer, and what it holds.
//! - [`records`]: a batch of records, sent as it is and as often as one likes.

mod access;
mod answer;
mod records;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

pub(super) use access::{Access, Domain};
use answer::Answer;
pub(super) use answer::{Broker, Cluster, Config, Kind, Source};
pub(super) use records::{Batch, Identity};

/// No answer to these questions comes near it; a peer that announces more does not speak Kafka.
const LONGEST_ANSWER: u32 = 1 << 20;

/// A connection to the broker.
pub(super) struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Not logged in.
    pub(super) async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        Ok(Self { stream })
    }

    /// `ApiVersions`, which is answered to everybody.
    pub(super) async fn versions(&mut self) -> io::Result<()> {
        self.ask(18, 0, &[]).await.map(drop)
    }

    /// `Metadata` of no topics: the least that needs a name.
    pub(super) async fn metadata(&mut self) -> io::Result<()> {
        self.ask(3, 1, &[0; 4]).await.map(drop)
    }

    /// `SaslHandshake` and `SaslAuthenticate` by PLAIN. The inner error is the broker's refusal, in its words.
    pub(super) async fn log_in(&mut self, user: &str, password: &str) -> io::Result<Result<(), String>> {
        let handshake = self.ask(17, 1, &string("PLAIN")?).await?;
        if code(&handshake)? != 0 {
            return Err(io::Error::other("the broker does not offer PLAIN"));
        }
        let token = format!("\0{user}\0{password}");
        let mut body = i32::try_from(token.len())
            .map_err(io::Error::other)?
            .to_be_bytes()
            .to_vec();
        body.extend(token.bytes());
        let answer = self.ask(36, 0, &body).await?;
        match code(&answer)? {
            0 => Ok(Ok(())),
            SASL_AUTHENTICATION_FAILED => Ok(Err(words(&answer))),
            code => Err(io::Error::other(format!(
                "error {code} to the login: {}",
                words(&answer)
            ))),
        }
    }

    /// `FindCoordinator`: whether there is one for `group`. Asking makes the broker create its topic of offsets.
    pub(super) async fn has_coordinator(&mut self, group: &str) -> io::Result<bool> {
        match code(&self.ask(10, 0, &string(group)?).await?)? {
            0 => Ok(true),
            COORDINATOR_NOT_AVAILABLE => Ok(false),
            code => Err(io::Error::other(format!(
                "error {code} to the question for a coordinator"
            ))),
        }
    }

    /// `Metadata`: the cluster, as the clients of this listener are told it.
    pub(super) async fn cluster(&mut self) -> io::Result<Cluster> {
        let answer = self.ask(3, 2, &[0; 4]).await?;
        Answer::to(&answer).cluster()
    }

    /// `DescribeConfigs` of a broker or of its loggers: everything that is set there, whether the broker knows it or not.
    pub(super) async fn configs(&mut self, of: Described, broker: &str) -> io::Result<Vec<Config>> {
        let resource = [&[of as u8][..], &string(broker)?].concat();
        // One resource, all of its keys, without synonyms and documentation.
        let body = [&1_i32.to_be_bytes()[..], &resource, &(-1_i32).to_be_bytes(), &[0, 0]].concat();
        let answer = self.ask(32, 3, &body).await?;
        Answer::to(&answer).configs()
    }

    /// `IncrementalAlterConfigs`, only to be validated: the broker's refusal of `configs`, if it refuses them.
    pub(super) async fn refusal_of(&mut self, broker: &str, configs: &[(&str, &str)]) -> io::Result<Option<String>> {
        const SET: u8 = 0;
        const VALIDATE_ONLY: u8 = 1;
        let mut body = [&1_i32.to_be_bytes()[..], &[Described::Broker as u8], &string(broker)?].concat();
        body.extend(i32::try_from(configs.len()).map_err(io::Error::other)?.to_be_bytes());
        for (key, value) in configs {
            body.extend([&string(key)?[..], &[SET], &string(value)?].concat());
        }
        body.push(VALIDATE_ONLY);
        let answer = self.ask(44, 0, &body).await?;
        Answer::to(&answer).refusal()
    }

    /// `InitProducerId`: an identity under which the broker tells a batch that is sent again from a new one.
    pub(super) async fn identity(&mut self) -> io::Result<Identity> {
        const NO_TRANSACTION: [u8; 2] = [0xff, 0xff];
        let body = [&NO_TRANSACTION[..], &60_000_i32.to_be_bytes()].concat();
        loop {
            let answer = self.ask(22, 1, &body).await?;
            if let Some(identity) = Answer::to(&answer).identity()? {
                return Ok(identity);
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// `Produce` to partition 0 of `topic`: the offset that the broker gives the batch, or the code of its refusal.
    pub(super) async fn produce(&mut self, topic: &str, batch: &Batch<'_>) -> io::Result<Result<i64, i16>> {
        let records = batch.encode()?;
        let length = i32::try_from(records.len()).map_err(io::Error::other)?;
        let body = [
            // No transaction, all acknowledgements, five seconds, one topic.
            &[0xff, 0xff, 0xff, 0xff, 0, 0, 0x13, 0x88, 0, 0, 0, 1][..],
            &string(topic)?,
            // One partition, its number.
            &[0, 0, 0, 1, 0, 0, 0, 0],
            &length.to_be_bytes(),
            &records,
        ]
        .concat();
        let answer = self.ask(0, 3, &body).await?;
        Answer::to(&answer).offset()
    }

    /// `CreateAcls`.
    pub(super) async fn allow(&mut self, access: &Access) -> io::Result<()> {
        let body = [&1_i32.to_be_bytes()[..], &access.creation()?].concat();
        let answer = self.ask(30, 1, &body).await?;
        // Its result is told as that of a configuration is.
        match Answer::to(&answer).refusal()? {
            Some(refusal) => Err(io::Error::other(refusal)),
            None => Ok(()),
        }
    }

    /// `DescribeAcls` of a topic.
    pub(super) async fn allowed(&mut self, topic: &str) -> io::Result<Vec<Access>> {
        let answer = self.ask(29, 1, &access::filter(topic)?).await?;
        Answer::to(&answer).accesses()
    }

    /// `DeleteAcls` of a topic.
    pub(super) async fn allow_nobody(&mut self, topic: &str) -> io::Result<()> {
        let body = [&1_i32.to_be_bytes()[..], &access::filter(topic)?].concat();
        self.ask(31, 1, &body).await.map(drop)
    }

    /// `CreateAcls` of a whole domain.
    pub(super) async fn give(&mut self, domain: &Domain) -> io::Result<()> {
        let answer = self.ask(30, 1, &domain.creations()?).await?;
        refused(Answer::to(&answer).first_refusal(|_| Ok(()))?)
    }

    /// `DeleteAcls` of whatever `prefix` begins the names of.
    pub(super) async fn take_away(&mut self, prefix: &str) -> io::Result<()> {
        let body = [&array_of(1)?[..], &access::filter_of_prefix(prefix)?].concat();
        let answer = self.ask(31, 1, &body).await?;
        refused(Answer::to(&answer).first_refusal(Answer::deleted_access)?)
    }

    /// `CreateTopics` of one topic with one replica; the inner error is the code and message of a refusal.
    pub(super) async fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        config: &[(&str, &str)],
    ) -> io::Result<Result<(), (i16, String)>> {
        let mut body = [
            &array_of(1)?[..],
            &string(name)?,
            &partitions.to_be_bytes(),
            // One replica: brokers before 2.4 have no word for their default.
            &1_i16.to_be_bytes(),
            &array_of(0)?,
            &array_of(config.len())?,
        ]
        .concat();
        for (key, value) in config {
            body.extend([string(key)?, string(value)?].concat());
        }
        body.extend(OPERATION_LIMIT.to_be_bytes());
        // Not only to be validated.
        body.push(0);
        let answer = self.ask(19, 2, &body).await?;
        Answer::to(&answer).created()
    }

    /// `DeleteTopics`: the error code of each.
    pub(super) async fn delete_topics(&mut self, names: &[String]) -> io::Result<Vec<(String, i16)>> {
        let body = [&strings(names)?[..], &OPERATION_LIMIT.to_be_bytes()].concat();
        let answer = self.ask(20, 1, &body).await?;
        Answer::to(&answer).deleted()
    }

    /// `Metadata` of all topics: their names.
    pub(super) async fn topics(&mut self) -> io::Result<Vec<String>> {
        let answer = self.ask(3, 2, &[0xff; 4]).await?;
        Answer::to(&answer).topics()
    }

    /// `ListGroups`: their names.
    pub(super) async fn groups(&mut self) -> io::Result<Vec<String>> {
        let answer = self.ask(16, 0, &[]).await?;
        Answer::to(&answer).groups()
    }

    /// `DescribeGroups` and `LeaveGroup`: in the name of each member of `group`.
    pub(super) async fn empty_group(&mut self, group: &str) -> io::Result<()> {
        let answer = self.ask(15, 0, &strings(&[group.to_owned()])?).await?;
        for member in Answer::to(&answer).members()? {
            // One who has left by himself is gone as well.
            self.ask(13, 0, &[string(group)?, string(&member)?].concat()).await?;
        }
        Ok(())
    }

    /// `DeleteGroups`: the error code of each.
    pub(super) async fn delete_groups(&mut self, names: &[String]) -> io::Result<Vec<(String, i16)>> {
        let answer = self.ask(42, 0, &strings(names)?).await?;
        Answer::to(&answer).deleted()
    }

    /// `ListOffsets`: where partition 0 of `topic` begins, or the code of the refusal.
    pub(super) async fn beginning(&mut self, topic: &str) -> io::Result<Result<i64, i16>> {
        const EARLIEST: i64 = -2;
        let body = [
            // No replica of ours, one topic.
            &(-1_i32).to_be_bytes()[..],
            &array_of(1)?,
            &string(topic)?,
            // One partition, its number.
            &[0, 0, 0, 1, 0, 0, 0, 0],
            &EARLIEST.to_be_bytes(),
        ]
        .concat();
        let answer = self.ask(2, 1, &body).await?;
        Answer::to(&answer).listed()
    }

    /// `Fetch` from partition 0 of `topic`: where it ends, and the values from `offset` on that fit into one answer.
    pub(super) async fn fetch(&mut self, topic: &str, offset: i64) -> io::Result<(i64, Vec<(i64, Vec<u8>)>)> {
        const BYTES: i32 = 512 << 10;
        let body = [
            // No replica of ours, at once, with as little as there is.
            &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &BYTES.to_be_bytes(),
            // Also what is not committed, one topic.
            &[0],
            &array_of(1)?,
            &string(topic)?,
            // One partition, its number.
            &[0, 0, 0, 1, 0, 0, 0, 0],
            &offset.to_be_bytes(),
            &BYTES.to_be_bytes(),
        ]
        .concat();
        let answer = self.ask(1, 4, &body).await?;
        let (end, batches) = Answer::to(&answer).fetched()?;
        Ok((end, records::values(batches)?))
    }

    /// `DeleteRecords`: forgets what partition 0 of `topic` has before `offset`.
    pub(super) async fn forget(&mut self, topic: &str, offset: i64) -> io::Result<()> {
        let body = [
            &array_of(1)?[..],
            &string(topic)?,
            // One partition, its number.
            &[0, 0, 0, 1, 0, 0, 0, 0],
            &offset.to_be_bytes(),
            &OPERATION_LIMIT.to_be_bytes(),
        ]
        .concat();
        let answer = self.ask(21, 0, &body).await?;
        match Answer::to(&answer).forgotten()? {
            0 => Ok(()),
            code => Err(io::Error::other(format!("error {code}"))),
        }
    }

    /// Sends a request and returns its answer, from after the header.
    async fn ask(&mut self, key: i16, version: i16, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut request = Vec::with_capacity(14 + body.len());
        let length = i32::try_from(10 + body.len()).map_err(io::Error::other)?;
        request.extend(length.to_be_bytes());
        request.extend(key.to_be_bytes());
        request.extend(version.to_be_bytes());
        // The number that the answer repeats: one question at a time needs no other. Then no name of the client.
        request.extend(1_i32.to_be_bytes());
        request.extend((-1_i16).to_be_bytes());
        request.extend(body);
        self.stream.write_all(&request).await?;

        let length = self.stream.read_u32().await?;
        if !(4..=LONGEST_ANSWER).contains(&length) {
            return Err(io::Error::other("the answer is not Kafka's"));
        }
        let mut answer = vec![0; length as usize];
        self.stream.read_exact(&mut answer).await?;
        Ok(answer.split_off(4))
    }
}

/// Whose configuration is asked for, by the number of the protocol.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Described {
    Broker = 4,
    Loggers = 8,
}

const COORDINATOR_NOT_AVAILABLE: i16 = 15;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// How long the broker may take to make or remove topics, in milliseconds: on a busy machine several at once take seconds.
const OPERATION_LIMIT: i32 = 30_000;

fn refused(refusal: Option<String>) -> io::Result<()> {
    refusal.map_or(Ok(()), |refusal| Err(io::Error::other(refusal)))
}

/// What an array of `count` items begins with.
fn array_of(count: usize) -> io::Result<[u8; 4]> {
    Ok(i32::try_from(count).map_err(io::Error::other)?.to_be_bytes())
}

fn strings(texts: &[String]) -> io::Result<Vec<u8>> {
    let texts = texts.iter().map(|text| string(text)).collect::<io::Result<Vec<_>>>()?;
    Ok([&array_of(texts.len())?[..], &texts.concat()].concat())
}

fn string(text: &str) -> io::Result<Vec<u8>> {
    let length = i16::try_from(text.len()).map_err(io::Error::other)?;
    Ok([&length.to_be_bytes(), text.as_bytes()].concat())
}

/// The error code that an answer begins with.
fn code(answer: &[u8]) -> io::Result<i16> {
    match answer {
        [high, low, ..] => Ok(i16::from_be_bytes([*high, *low])),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The message that follows the error code.
fn words(answer: &[u8]) -> String {
    let length = answer.get(2..).and_then(|rest| code(rest).ok());
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let message = answer.get(4..4 + length).unwrap_or_default();
    String::from_utf8_lossy(message).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_its_code_and_its_message() {
        let answer = [&[0, 58, 0, 21][..], b"Authentication failed", &[0, 0, 0, 0]].concat();

        assert_eq!(code(&answer).ok(), Some(SASL_AUTHENTICATION_FAILED));
        assert_eq!(words(&answer), "Authentication failed");
    }

    #[test]
    fn a_message_that_is_missing_or_cut_is_empty() {
        assert_eq!(words(&[0, 58, 0xff, 0xff]), "");
        assert_eq!(words(&[0, 58, 0, 9, b'A']), "");
        assert!(code(&[0]).is_err());
    }
}

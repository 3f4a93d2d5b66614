//! Who may do what, as the broker keeps it.

use std::io;

use super::string;

/// Somebody may read a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Access {
    pub topic: String,
    /// `User:suho`.
    pub principal: String,
}

const TOPIC: u8 = 2;
const LITERAL: u8 = 3;
const READ: u8 = 3;
const ALLOW: u8 = 3;
const ANY: u8 = 1;
/// Any principal, any host.
const ANYBODY: [u8; 4] = [0xff; 4];

impl Access {
    /// One entry of `CreateAcls`, version 1: from any host.
    pub(super) fn creation(&self) -> io::Result<Vec<u8>> {
        let (topic, principal) = (string(&self.topic)?, string(&self.principal)?);
        Ok([
            &[TOPIC][..],
            &topic,
            &[LITERAL],
            &principal,
            &string("*")?,
            &[READ, ALLOW],
        ]
        .concat())
    }
}

/// Everything that anybody may do with `topic`.
pub(super) fn filter(topic: &str) -> io::Result<Vec<u8>> {
    Ok([&[TOPIC][..], &string(topic)?, &[LITERAL], &ANYBODY, &[ANY, ANY]].concat())
}

//! Who may do what, as the broker keeps it.

use std::io;

use super::{array_of, string};

/// Somebody may read a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Access {
    pub topic: String,
    /// `User:suho`.
    pub principal: String,
}

/// All that one user may do with what one prefix begins the names of: topics, groups and transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Domain {
    pub prefix: String,
    /// `User:tenant_07`.
    pub principal: String,
}

const TOPIC: u8 = 2;
const GROUP: u8 = 3;
const TRANSACTIONAL_ID: u8 = 5;
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const ALL: u8 = 2;
const READ: u8 = 3;
const ALLOW: u8 = 3;
const ANY: u8 = 1;
/// Any principal, any host.
const ANYBODY: [u8; 4] = [0xff; 4];

impl Access {
    /// One entry of `CreateAcls`, version 1: from any host.
    pub(super) fn creation(&self) -> io::Result<Vec<u8>> {
        creation(TOPIC, &self.topic, LITERAL, &self.principal, READ)
    }
}

impl Domain {
    /// The kinds of names that a domain has.
    const KINDS: [u8; 3] = [TOPIC, GROUP, TRANSACTIONAL_ID];

    /// The entries of `CreateAcls`, version 1, their number first.
    pub(super) fn creations(&self) -> io::Result<Vec<u8>> {
        let entries = Self::KINDS.map(|kind| creation(kind, &self.prefix, PREFIXED, &self.principal, ALL));
        let entries = entries.into_iter().collect::<io::Result<Vec<_>>>()?;
        Ok([&array_of(entries.len())?[..], &entries.concat()].concat())
    }
}

/// One entry of `CreateAcls`, version 1: from any host.
fn creation(kind: u8, name: &str, pattern: u8, principal: &str, operation: u8) -> io::Result<Vec<u8>> {
    let (name, principal) = (string(name)?, string(principal)?);
    Ok([
        &[kind][..],
        &name,
        &[pattern],
        &principal,
        &string("*")?,
        &[operation, ALLOW],
    ]
    .concat())
}

/// Everything that anybody may do with `topic`.
pub(super) fn filter(topic: &str) -> io::Result<Vec<u8>> {
    Ok([&[TOPIC][..], &string(topic)?, &[LITERAL], &ANYBODY, &[ANY, ANY]].concat())
}

/// Everything that anybody may do with whatever `prefix` begins the names of.
pub(super) fn filter_of_prefix(prefix: &str) -> io::Result<Vec<u8>> {
    Ok([&[ANY][..], &string(prefix)?, &[PREFIXED], &ANYBODY, &[ANY, ANY]].concat())
}

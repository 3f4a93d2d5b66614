//! A batch of records in Kafka's own form (version 2), which can be sent as it is, and again.

use std::io;

/// Who sends a batch, for the broker to tell one that is sent again from a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Identity {
    pub number: i64,
    pub epoch: i16,
}

impl Identity {
    /// Of a producer that has none.
    pub(in super::super) const NONE: Self = Self { number: -1, epoch: -1 };
}

/// One record, on its own in a batch.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Batch<'a> {
    pub identity: Identity,
    /// The number of the batch among those of its sender; -1 where he has no identity.
    pub sequence: i32,
    pub value: &'a [u8],
}

impl Batch<'_> {
    /// The batch as it is sent, and as it is stored.
    pub(in super::super) fn encode(&self) -> io::Result<Vec<u8>> {
        let record = self.record()?;
        let checked = [
            // No attributes, the last offset is the first, both timestamps are those of 1970.
            &[0; 2 + 4 + 8 + 8][..],
            &self.identity.number.to_be_bytes(),
            &self.identity.epoch.to_be_bytes(),
            &self.sequence.to_be_bytes(),
            &1_i32.to_be_bytes(),
            &record,
        ]
        .concat();
        let after_length = [
            // No epoch of a leader, version 2.
            &[0xff, 0xff, 0xff, 0xff, 2][..],
            &checksum(&checked).to_be_bytes(),
            &checked,
        ]
        .concat();
        let length = i32::try_from(after_length.len()).map_err(io::Error::other)?;
        Ok([&[0; 8][..], &length.to_be_bytes(), &after_length].concat())
    }

    fn record(&self) -> io::Result<Vec<u8>> {
        let length = i64::try_from(self.value.len()).map_err(io::Error::other)?;
        // No attributes, no difference of time and offset, no key.
        let body = [&[0, 0, 0, 1][..], &varint(length), self.value, &[0]].concat();
        let length = i64::try_from(body.len()).map_err(io::Error::other)?;
        Ok([varint(length), body].concat())
    }
}

/// The values of the records in `batches`, each with its offset. A batch that is cut off at the end is left to the next fetch.
pub(super) fn values(mut batches: &[u8]) -> io::Result<Vec<(i64, Vec<u8>)>> {
    let mut values = Vec::new();
    // The first offset and the length.
    while let Some((head, rest)) = batches.split_at_checked(12) {
        let first = i64::from_be_bytes(head[..8].try_into().map_err(io::Error::other)?);
        let length = i32::from_be_bytes(head[8..].try_into().map_err(io::Error::other)?);
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let Some((batch, next)) = rest.split_at_checked(length) else {
            break;
        };
        batches = next;
        // The leader's epoch, the version, the checksum; then attributes, of which the lowest bits name a compression.
        let (_, batch) = batch.split_at_checked(9).ok_or(io::ErrorKind::UnexpectedEof)?;
        let (fixed, records) = batch.split_at_checked(40).ok_or(io::ErrorKind::UnexpectedEof)?;
        if fixed[1] & 0b111 != 0 {
            return Err(io::Error::other("the records are compressed"));
        }
        let count = i32::from_be_bytes(fixed[36..].try_into().map_err(io::Error::other)?);
        let mut records = Varints { rest: records };
        for _ in 0..count {
            let length = records.length()?;
            let mut record = Varints {
                rest: records.bytes(length)?,
            };
            let _attributes = record.bytes(1)?;
            let _time = record.number()?;
            let offset = first + record.number()?;
            let key = record.length()?;
            let _key = record.bytes(key)?;
            let length = record.length()?;
            values.push((offset, record.bytes(length)?.to_vec()));
        }
    }
    Ok(values)
}

/// What is left to read of records.
struct Varints<'a> {
    rest: &'a [u8],
}

impl<'a> Varints<'a> {
    fn number(&mut self) -> io::Result<i64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(io::Error::other("a number does not end"))
    }

    /// -1, for nothing at all, is 0.
    fn length(&mut self) -> io::Result<usize> {
        usize::try_from(self.number()?.max(0)).map_err(io::Error::other)
    }

    fn bytes(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// A number in groups of seven bits, small ones of either sign first.
fn varint(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    loop {
        let group = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            bytes.push(group);
            return bytes;
        }
        bytes.push(group | 0x80);
    }
}

/// CRC-32C.
fn checksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ POLYNOMIAL
            } else {
                sum >> 1
            }
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_checksum_is_that_of_its_standard() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
    }

    #[rstest]
    #[case(0, &[0])]
    #[case(-1, &[1])]
    #[case(1, &[2])]
    #[case(64, &[0x80, 1])]
    #[case(300, &[0xd8, 4])]
    fn a_number_takes_as_few_bytes_as_it_needs(#[case] number: i64, #[case] bytes: &[u8]) {
        assert_eq!(varint(number), bytes);
    }

    proptest! {
        #[test]
        fn a_batch_says_how_long_it_is(value in proptest::collection::vec(any::<u8>(), 0..300)) {
            let batch = Batch { identity: Identity::NONE, sequence: -1, value: &value };
            let bytes = batch.encode().unwrap_or_default();
            let length = bytes.get(8..12).and_then(|length| length.try_into().ok()).map(i32::from_be_bytes);
            prop_assert_eq!(length.and_then(|length| usize::try_from(length).ok()), Some(bytes.len() - 12));
            prop_assert!(bytes.len() > value.len());
        }

        #[test]
        fn what_is_sent_is_what_is_fetched(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..5)) {
            let batches = values.iter().map(|value| Batch { identity: Identity::NONE, sequence: -1, value });
            let mut bytes = batches.map(|batch| batch.encode().unwrap_or_default()).collect::<Vec<_>>().concat();
            // The beginning of another one, which says that more is to come.
            bytes.extend([0; 11]);
            bytes.extend([9; 9]);
            let found = super::values(&bytes).unwrap_or_default();
            prop_assert_eq!(found, values.iter().map(|value| (0, value.clone())).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = super::values(&bytes);
        }
    }
}

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
    }
}

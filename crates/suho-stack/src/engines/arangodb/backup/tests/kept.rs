//! A backup in memory, and an engine of which the HTTP interface alone is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::engines::backup::{Instance, NewFile, Packing, Pieces, Reads, Shelf, Tool, Tools, Vault};
use crate::engines::{Endpoint, EngineError, Restart};

pub(super) type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A backup in memory: a file is in it once it is finished.
#[derive(Default)]
pub(super) struct Kept(pub Files);

struct Writing {
    name: String,
    content: Vec<u8>,
    files: Files,
}

#[async_trait]
impl Vault for Kept {
    async fn create(&self, name: &str, _: Packing) -> Result<Box<dyn NewFile>, EngineError> {
        Ok(Box::new(Writing {
            name: name.to_owned(),
            content: Vec::new(),
            files: Arc::clone(&self.0),
        }))
    }
}

#[async_trait]
impl NewFile for Writing {
    async fn write(&mut self, piece: Bytes) -> Result<(), EngineError> {
        self.content.extend_from_slice(&piece);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), EngineError> {
        self.files.lock().unwrap().insert(self.name, self.content);
        Ok(())
    }
}

#[async_trait]
impl Shelf for Kept {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    /// In pieces that end within a line.
    async fn open(&self, name: &str) -> Result<Pieces, EngineError> {
        let content = self.0.lock().unwrap()[name].clone();
        let pieces: Vec<_> = content
            .chunks(1_000_003)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        Ok(stream::iter(pieces).boxed())
    }
}

impl Kept {
    pub(super) fn text(&self, name: &str) -> String {
        String::from_utf8(self.0.lock().unwrap()[name].clone()).unwrap()
    }
}

/// The server's interface is all that is used.
struct Untouched;

#[async_trait]
impl Tools for Untouched {
    async fn start(&self, command: &[&str], _: Reads) -> Result<Tool, EngineError> {
        panic!("{command:?} is run")
    }

    async fn file(&self, path: &str) -> Result<Pieces, EngineError> {
        panic!("{path} is read")
    }
}

#[async_trait]
impl Restart for Untouched {
    async fn restart(&self, service: &str) -> Result<Endpoint, EngineError> {
        panic!("{service} is restarted")
    }

    async fn endpoint(&self, _: &str) -> Option<Endpoint> {
        None
    }
}

pub(super) fn instance(endpoint: &Endpoint) -> Instance<'_> {
    Instance {
        endpoint,
        tools: &Untouched,
        restart: &Untouched,
    }
}

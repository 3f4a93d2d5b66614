//! The service itself: takes an order in, books it, announces it.

use std::time::Duration;

use crate::Error;
use crate::announcer::{Announcer, Event};
use crate::book::Book;
use crate::intake::Intake;
use crate::order::Outcome;

pub struct Desk {
    pub intake: Intake,
    pub book: Book,
    pub announcer: Announcer,
}

impl Desk {
    /// Deals with the next order, if one comes within `patience`.
    ///
    /// It is done only when it is announced: a desk that falls in between deals with it again, and finds it booked.
    pub async fn deal(&self, patience: Duration) -> Result<Option<Outcome>, Error> {
        let Some(delivered) = self.intake.next(patience).await? else {
            return Ok(None);
        };
        let outcome = self.book.enter(&delivered.order).await?;
        let event = Event {
            order: delivered.order.clone(),
            outcome: outcome.clone(),
        };
        self.announcer.announce(&event).await?;
        delivered.done().await?;
        Ok(Some(outcome))
    }
}

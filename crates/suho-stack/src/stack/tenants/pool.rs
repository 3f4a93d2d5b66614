//! A thread that makes rooms before they are asked for, and removes those that were left.

use std::{
    collections::{BTreeMap, VecDeque},
    env, io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};

use super::TenantError;
use super::lodging::{Kind, Lodging};
use super::record::{Held, RecordName, Stage};

/// How many rooms of a kind wait for tenants; `SUHO_POOL` says otherwise.
const STOCK: usize = 4;
/// How many rooms of a kind are made at once for those who wait: enough to keep an engine busy.
const MAKERS: usize = 8;
/// How many are made at once for the stock, which nobody waits for.
const STOCK_MAKERS: usize = 2;
/// How many are removed at once. Each removal in PostgreSQL waits for a checkpoint, and those at the same time for the same.
const CLEANERS: usize = 8;
/// As many may lie about while somebody waits for a new one: removing is done when nobody does. Beyond, all of them go.
const BACKLOG: usize = 64;
/// Where even more lie about, those who want a room remove an old one first.
const TOO_MUCH: usize = 2 * BACKLOG;
/// Between two looks for a room that another process has made or left, while somebody waits.
const POLL: Duration = Duration::from_millis(25);
/// Between two looks for what killed processes have left.
const PATROL: Duration = Duration::from_secs(5);
/// After it an engine that makes nothing for those who wait is taken to be full: then used rooms go first.
const FULL_AFTER: Duration = Duration::from_secs(1);
/// After it ready rooms of other kinds make way; that often, one goes.
const EVICT_AFTER: Duration = Duration::from_secs(2);
/// After a removal that failed.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The thread, which starts with the first room and ends with its stack's last user in this process.
#[derive(Debug)]
pub(super) struct Pool {
    stock: usize,
    requests: Mutex<Option<mpsc::UnboundedSender<Request>>>,
}

enum Request {
    /// Somebody waits for a room.
    Room(Arc<Kind>, oneshot::Sender<Result<Held, TenantError>>),
    /// Somebody took one that was ready.
    Taken(Arc<Kind>),
    /// Somebody left one.
    Left(Arc<Lodging>),
}

impl Pool {
    /// One that keeps `stock` rooms of each kind ready.
    pub(super) fn new(stock: usize) -> Self {
        Self {
            stock,
            requests: Mutex::default(),
        }
    }

    /// A room that is ready and locked: one of those that wait, or else the next that becomes ready.
    pub(super) async fn room(&self, kind: &Arc<Kind>) -> Result<Held, TenantError> {
        // A few calls to the kernel, which are over before another thread could be asked to make them.
        let names = kind.lodging.register.names()?;
        sweep_before_the_door(&kind.lodging, &names).await;
        let ready = names.iter().filter(|name| kind.has(name, &[Stage::Ready]));
        if let Some(held) = kind.lodging.register.hold_any(ready)? {
            self.send(Request::Taken(Arc::clone(kind)))?;
            return Ok(held);
        }
        let (reply, answer) = oneshot::channel();
        self.send(Request::Room(Arc::clone(kind), reply))?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Tells it that a room of `lodging` was left; whoever comes next cleans it, where this process ends before.
    pub(super) fn left(&self, lodging: &Arc<Lodging>) {
        if let Err(error) = self.send(Request::Left(Arc::clone(lodging))) {
            tracing::debug!(%error, "a room is left to the next process");
        }
    }

    fn send(&self, request: Request) -> Result<(), TenantError> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = match requests.as_ref() {
            Some(sender) => sender,
            None => requests.insert(start(self.stock).map_err(TenantError::NoPool)?),
        };
        sender.send(request).map_err(|_| ended())
    }
}

/// Where more lies about than the pools remove - that of a process whose test is short may never come to it - whoever wants a
/// room removes an old one first.
async fn sweep_before_the_door(lodging: &Lodging, names: &[RecordName]) {
    let used = names.iter().filter(|name| name.stage == Stage::Used);
    if used.clone().count() <= TOO_MUCH {
        return;
    }
    let swept = async {
        match lodging.register.hold_any(used)? {
            Some(held) => lodging.clean(held).await,
            None => Ok(()),
        }
    };
    if let Err(error) = swept.await {
        tracing::debug!(%error, engine = lodging.engine, "a used room could not be removed yet");
    }
}

fn ended() -> TenantError {
    TenantError::NoPool(io::Error::other("it ended"))
}

/// Nobody joins the thread: it must not keep the process from ending.
fn start(stock: usize) -> io::Result<mpsc::UnboundedSender<Request>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, requests) = mpsc::unbounded_channel();
    thread::Builder::new()
        .name("suho-tenants".to_owned())
        .spawn(move || runtime.block_on(Keeper::new(stock).run(requests)))?;
    Ok(sender)
}

/// How many rooms of a kind the user wants to have ready.
pub(super) fn wished_stock() -> usize {
    let wish = env::var("SUHO_POOL").ok().and_then(|value| value.parse().ok());
    wish.unwrap_or(STOCK)
}

/// What the thread does. Its calls to the file system may block: the thread is its own.
struct Keeper {
    stock: usize,
    desks: BTreeMap<String, Desk>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
}

/// One engine's.
struct Desk {
    lodging: Arc<Lodging>,
    queues: BTreeMap<String, Queue>,
    /// Left by killed processes, or evicted; locked by us until they are removed.
    outcasts: VecDeque<Held>,
    cleaning: usize,
    /// Too much lay about, and not all of it is gone.
    clearing: bool,
    /// Something happened since it was looked at last.
    stirred: bool,
    last_made: Instant,
    next_patrol: Instant,
    next_eviction: Instant,
    /// None is removed before, where a removal has failed.
    next_cleaning: Instant,
}

/// Rooms of one kind, and who waits for one.
struct Queue {
    kind: Arc<Kind>,
    waiters: VecDeque<Waiter>,
    making: usize,
    /// False after a failure: without anybody to tell it to, making another would be for nothing.
    stocked: bool,
}

struct Waiter {
    reply: oneshot::Sender<Result<Held, TenantError>>,
    since: Instant,
}

/// What a piece of work came to.
enum Done {
    Made(Arc<Kind>, Result<Held, TenantError>),
    Cleaned(Arc<Lodging>, Result<(), TenantError>),
}

impl Keeper {
    fn new(stock: usize) -> Self {
        Self {
            stock,
            desks: BTreeMap::new(),
            work: FuturesUnordered::new(),
        }
    }

    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        loop {
            let pause = self.pause();
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.admit(request),
                    None => break,
                },
                Some(done) = self.work.next() => self.settle(done),
                () = sleep(pause) => self.stir(),
            }
            while let Ok(request) = requests.try_recv() {
                self.admit(request);
            }
            self.tend();
        }
        // The last user is gone: what was begun is ended, what was left is removed, and nothing else is begun.
        self.stock = 0;
        self.stir();
        self.tend();
        while let Some(done) = self.work.next().await {
            self.settle(done);
            self.tend();
        }
    }

    fn admit(&mut self, request: Request) {
        match request {
            Request::Room(kind, reply) => {
                let since = Instant::now();
                self.queue(&kind).waiters.push_back(Waiter { reply, since });
            }
            Request::Taken(kind) => self.queue(&kind).stocked = true,
            Request::Left(lodging) => {
                self.desk(&lodging);
            }
        }
    }

    fn settle(&mut self, done: Done) {
        match done {
            Done::Made(kind, outcome) => {
                let desk = self.desk(&kind.lodging);
                match &outcome {
                    Ok(_) => desk.last_made = Instant::now(),
                    // What is half made is nobody's by now.
                    Err(_) => desk.next_patrol = Instant::now(),
                }
                let queue = desk.queue(&kind);
                queue.making -= 1;
                queue.stocked = outcome.is_ok();
                queue.hand_over(outcome);
            }
            Done::Cleaned(lodging, outcome) => {
                let desk = self.desk(&lodging);
                desk.cleaning -= 1;
                if let Err(error) = outcome {
                    tracing::debug!(%error, engine = lodging.engine, "a used room could not be removed yet");
                    desk.next_cleaning = Instant::now() + RETRY_AFTER;
                }
            }
        }
    }

    /// Looks at every engine where something happened.
    fn tend(&mut self) {
        for desk in self.desks.values_mut() {
            if !std::mem::take(&mut desk.stirred) {
                continue;
            }
            if let Err(error) = desk.tend(self.stock, &self.work) {
                tracing::warn!(%error, "the rooms of tenants are not looked after");
            }
        }
    }

    fn pause(&self) -> Duration {
        if self.desks.values().any(Desk::is_waited_for) {
            POLL
        } else {
            PATROL
        }
    }

    fn stir(&mut self) {
        for desk in self.desks.values_mut() {
            desk.stirred = true;
        }
    }

    fn desk(&mut self, lodging: &Arc<Lodging>) -> &mut Desk {
        let desk = self
            .desks
            .entry(lodging.engine.clone())
            .or_insert_with(|| Desk::new(lodging));
        desk.stirred = true;
        desk
    }

    fn queue(&mut self, kind: &Arc<Kind>) -> &mut Queue {
        self.desk(&kind.lodging).queue(kind)
    }
}

impl Desk {
    fn new(lodging: &Arc<Lodging>) -> Self {
        let now = Instant::now();
        Self {
            lodging: Arc::clone(lodging),
            queues: BTreeMap::new(),
            outcasts: VecDeque::new(),
            cleaning: 0,
            clearing: false,
            stirred: true,
            last_made: now,
            next_patrol: now,
            next_eviction: now,
            next_cleaning: now,
        }
    }

    fn queue(&mut self, kind: &Arc<Kind>) -> &mut Queue {
        self.queues.entry(kind.hash.clone()).or_insert_with(|| Queue {
            kind: Arc::clone(kind),
            waiters: VecDeque::new(),
            making: 0,
            stocked: true,
        })
    }

    fn is_waited_for(&self) -> bool {
        self.queues.values().any(|queue| !queue.waiters.is_empty())
    }

    /// Since when somebody waits and nothing is made.
    fn stuck_for(&self) -> Duration {
        let waiters = self.queues.values().filter_map(|queue| queue.waiters.front());
        let since = waiters.map(|waiter| waiter.since.max(self.last_made)).min();
        since.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn tend(&mut self, stock: usize, work: &FuturesUnordered<BoxFuture<'static, Done>>) -> Result<(), TenantError> {
        let names = self.lodging.register.names()?;
        for queue in self.queues.values_mut() {
            queue.serve(&names)?;
        }
        // Nothing is made ahead while somebody waits: there may be no place for both.
        let stock = if self.is_waited_for() { 0 } else { stock };
        for queue in self.queues.values_mut() {
            for _ in 0..queue.wants(stock, &names) {
                work.push(queue.make()?);
            }
        }
        if Instant::now() >= self.next_patrol {
            self.patrol(&names)?;
        }
        self.clean(&names, work)
    }

    /// Takes what belongs to nobody: its owner was killed.
    fn patrol(&mut self, names: &[RecordName]) -> Result<(), TenantError> {
        self.next_patrol = Instant::now() + PATROL;
        for name in names
            .iter()
            .filter(|name| matches!(name.stage, Stage::Making | Stage::Taken))
        {
            if let Some(held) = self.lodging.register.hold(name)? {
                self.outcasts.push_back(held);
            }
        }
        Ok(())
    }

    fn clean(
        &mut self,
        names: &[RecordName],
        work: &FuturesUnordered<BoxFuture<'static, Done>>,
    ) -> Result<(), TenantError> {
        let used: Vec<_> = names.iter().filter(|name| name.stage == Stage::Used).collect();
        let left = used.len() + self.outcasts.len();
        let enough = if self.clearing { 0 } else { BACKLOG };
        self.clearing = left > enough || left > 0 && self.stuck_for() >= FULL_AFTER;
        let later = self.is_waited_for() && !self.clearing && left > 0;
        if later || Instant::now() < self.next_cleaning {
            return Ok(());
        }
        if left == 0 && self.cleaning == 0 && self.stuck_for() >= EVICT_AFTER {
            self.evict(names)?;
        }
        let mut used = used.into_iter();
        while self.cleaning < CLEANERS {
            let held = match self.outcasts.pop_front() {
                Some(held) => held,
                None => match used.next() {
                    Some(name) => match self.lodging.register.hold(name)? {
                        Some(held) => held,
                        None => continue,
                    },
                    None => break,
                },
            };
            let lodging = Arc::clone(&self.lodging);
            self.cleaning += 1;
            work.push(
                async move {
                    let outcome = lodging.clean(held).await;
                    Done::Cleaned(lodging, outcome)
                }
                .boxed(),
            );
        }
        Ok(())
    }

    /// In a full engine a room that is ready makes way for those who wait for one of another kind.
    fn evict(&mut self, names: &[RecordName]) -> Result<(), TenantError> {
        if Instant::now() < self.next_eviction {
            return Ok(());
        }
        self.next_eviction = Instant::now() + EVICT_AFTER;
        let ready = names.iter().filter(|name| name.stage == Stage::Ready);
        if let Some(held) = self.lodging.register.hold_any(ready)? {
            tracing::info!(
                engine = self.lodging.engine,
                "a ready room makes way for one of another kind"
            );
            self.outcasts.push_back(held);
        }
        Ok(())
    }
}

impl Queue {
    /// Gives those who wait what has become ready, in this process or another.
    fn serve(&mut self, names: &[RecordName]) -> Result<(), TenantError> {
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        let kind = Arc::clone(&self.kind);
        for name in names.iter().filter(|name| kind.has(name, &[Stage::Ready])) {
            if self.waiters.is_empty() {
                break;
            }
            if let Some(held) = kind.lodging.register.hold(name)? {
                self.hand_over(Ok(held));
            }
        }
        Ok(())
    }

    /// Gives the first who still waits what there is. A room that nobody waits for is unlocked, and ready for anybody.
    fn hand_over(&mut self, mut outcome: Result<Held, TenantError>) {
        while let Some(waiter) = self.waiters.pop_front() {
            match waiter.reply.send(outcome) {
                Ok(()) => return,
                Err(unheard) => outcome = unheard,
            }
        }
        if let Err(error) = outcome {
            tracing::warn!(%error, "no room could be made ahead");
        }
    }

    /// How many rooms to begin now.
    fn wants(&self, stock: usize, names: &[RecordName]) -> usize {
        if !self.waiters.is_empty() {
            return self.waiters.len().min(MAKERS).saturating_sub(self.making);
        }
        if !self.stocked {
            return 0;
        }
        // Those of other processes count: the stock is everybody's.
        let stages = [Stage::Making, Stage::Ready];
        let there = names.iter().filter(|name| self.kind.has(name, &stages)).count();
        stock
            .saturating_sub(there)
            .min(STOCK_MAKERS.saturating_sub(self.making))
    }

    fn make(&mut self) -> Result<BoxFuture<'static, Done>, TenantError> {
        let kind = Arc::clone(&self.kind);
        // Before anything is waited for: the next look at the records counts it.
        let record = kind.lodging.register.begin(&kind.hash, &kind.lodging.endpoint)?;
        self.making += 1;
        let making = async move {
            let outcome = kind.make(record).await;
            Done::Made(kind, outcome)
        };
        Ok(making.boxed())
    }
}

//! There is no topic unless somebody made it: asking for one makes none.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::FutureRecord;
use tokio::time::sleep;

use super::super::super::asking::{eventually, prove_and_remove};
use super::super::super::{EngineError, Evidence, Subject};
use super::Options;
use super::scene::{CALL_LIMIT, Producer, Reader, Scene, look};

/// How long librdkafka takes a topic that it does not find for one that is being made; a broker that makes it is faster.
const ON_ITS_WAY: Options<'static> = &[("topic.metadata.propagation.max.ms", "500")];
/// How long a broker may take to make a topic after it has said that there is none.
const SETTLING: Duration = Duration::from_secs(1);
/// How long a busy broker may take to refuse a reader.
const REFUSAL_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Nobody makes a topic by writing to its name.
pub async fn writing(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let asking: Reader = scene.client(&[])?;
    let producer: Producer = scene.client(ON_ITS_WAY)?;
    let proof = async {
        let record = FutureRecord::to(&scene.topic).payload("lost");
        let sent = scene.send(&producer, record).await;
        is_unknown(&scene, "produce to", sent.map(|offset| format!("stored at {offset}")))?;
        stays_unknown(&scene, &asking).await?;
        Evidence::proved("a record to a topic that nobody has made is refused, and makes none")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// Nobody makes a topic by reading from its name, not even a reader who would let the broker make it.
pub async fn reading(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let asking: Reader = scene.client(&[])?;
    let own = [("group.id", scene.topic.as_str()), ("allow.auto.create.topics", "true")];
    let reader: Reader = scene.client(&[&own, ON_ITS_WAY].concat())?;
    let proof = async {
        let start = scene.at(Offset::Beginning)?;
        let assigned = reader.call(move |reader| reader.assign(&start)).await;
        assigned.map_err(subject.endpoint.failed("ask for a partition"))?;
        // librdkafka tells of a refusal as of a record: by and by.
        let refused = eventually(REFUSAL_LIMIT, || async { Ok(reader.call(look).await.err()) }).await?;
        is_unknown(&scene, "consume from", refused.map_or(Ok("no refusal".to_owned()), Err))?;
        stays_unknown(&scene, &asking).await?;
        Evidence::proved("a reader of a topic that nobody has made is refused, and makes none")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// The broker owes to say that there is no such topic.
fn is_unknown(scene: &Scene<'_>, action: &str, outcome: KafkaResult<String>) -> Result<(), EngineError> {
    let action = format!("{action} {}, which nobody has made", scene.topic);
    match outcome {
        Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(()),
        Err(error) => Err(scene.endpoint.failed(action)(error)),
        Ok(found) => Err(scene.endpoint.unexpected(&action, "that the topic is unknown", found)),
    }
}

/// A broker that makes topics says first that there is none, and makes it then.
///
/// All topics are asked for, because asking for one might make it.
async fn stays_unknown(scene: &Scene<'_>, asking: &Reader) -> Result<(), EngineError> {
    let looking = format!("look for {}, which nobody has made", scene.topic);
    let start = Instant::now();
    while start.elapsed() < SETTLING {
        let metadata = asking.call(|asking| asking.fetch_metadata(None, CALL_LIMIT)).await;
        let metadata = metadata.map_err(scene.endpoint.failed(&looking))?;
        let found = metadata.topics().iter().any(|topic| topic.name() == scene.topic);
        if found {
            return Err(scene
                .endpoint
                .unexpected(&looking, "no such topic", "one that was made"));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

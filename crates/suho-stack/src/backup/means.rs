//! Which engines are backed up, and how.

use std::collections::BTreeMap;

use super::{BackupError, Progress, Request, Target, progress::Tell, target::Reached};
use crate::engines::{
    Backup, EngineError,
    backup::{Account, Instance, Physical, Vault},
};

/// How an engine is backed up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {
    /// By what it holds, which is put back and counted.
    Content(&'static dyn Backup),
    /// By its files, which are put back by hand.
    Files(&'static dyn Physical),
}

impl Means {
    fn of(backup: &'static dyn Backup, physical: bool) -> Self {
        let files = backup.physical().filter(|_| physical);
        files.map_or(Self::Content(backup), Self::Files)
    }

    pub(super) async fn write(self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        match self {
            Self::Content(backup) => backup.back_up(instance, vault).await,
            Self::Files(physical) => physical.copy(instance, vault).await,
        }
    }

    pub(super) fn by_hand(self) -> Option<String> {
        match self {
            Self::Content(_) => None,
            Self::Files(physical) => Some(physical.by_hand().to_owned()),
        }
    }
}

pub(super) type Able<'a> = Vec<(&'a Reached, Means)>;

/// The wanted engines that can be backed up, and why others cannot.
pub(super) fn able<'a>(
    target: &'a Target,
    request: &Request,
    tell: Tell<'_>,
) -> Result<(Able<'a>, BTreeMap<String, String>), BackupError> {
    let mut able = Vec::new();
    let absent = target.absent.iter().filter(|(service, _)| request.wants(service));
    let mut left_out: BTreeMap<String, String> = absent
        .map(|(service, reason)| (service.clone(), reason.clone()))
        .collect();
    for member in target
        .members
        .iter()
        .filter(|member| request.wants(&member.endpoint.service))
    {
        match member.engine.backup() {
            Ok(backup) => able.push((member, Means::of(backup, request.physical))),
            Err(reason) => {
                left_out.insert(member.endpoint.service.clone(), reason.to_owned());
            }
        }
    }
    for (service, reason) in &left_out {
        tell(Progress::NotOffered {
            service: service.clone(),
            reason: reason.clone(),
        });
    }
    if able.is_empty() {
        let reasons: Vec<_> = left_out
            .iter()
            .map(|(service, reason)| format!("{service}: {reason}"))
            .collect();
        return Err(BackupError::Nothing(reasons.join("; ")));
    }
    Ok((able, left_out))
}

//! The users for tenants. They stand in the broker's file, so they are there from its start.

use super::super::super::tenancy::places::{self, PLACES, user};
use super::super::super::tenancy::{Room, TenantName};
use super::super::super::{Endpoint, EngineError};
use crate::deployment::{Files, Service, Setting};

/// The variable that carries the password of a place; the broker's file may read what begins so.
pub(super) fn variable(place: usize) -> String {
    format!("SUHO_KAFKA_TENANT_{place:02}_PASSWORD")
}

/// The room of `tenant` in a place that it has taken.
pub(super) fn room(endpoint: &Endpoint, tenant: &TenantName, place: usize) -> Result<Room, EngineError> {
    Ok(places::login(endpoint, place, variable)?.enters(Room::new(tenant.clone())))
}

/// Adds the users to every listener of the broker's file, and their passwords to the service.
pub(in super::super) fn lend(service: &mut Service, files: Files) -> Result<Files, EngineError> {
    let lent = Setting::files_of(service)
        .filter(|file| file.ends_with("kafka.properties"))
        .try_fold(files, with_users)
        .and_then(|files| {
            let settings = Setting::of(service, &files).map_err(|error| error.to_string())?;
            let has_users = |setting: &Setting| setting.value.expose().contains(&entry(PLACES));
            if settings.iter().any(has_users) {
                return Ok(files);
            }
            Err("no listener of its kafka.properties has users of PLAIN".to_owned())
        });
    let lent = lent.map_err(|reason| EngineError::Failed {
        service: service.name.clone(),
        action: "add users for tenants to its configuration".to_owned(),
        source: reason.into(),
    })?;
    places::set_passwords(service, variable);
    Ok(lent)
}

fn with_users(files: Files, file: &str) -> Result<Files, String> {
    let settings = Setting::in_file(&files, file).map_err(|error| error.to_string())?;
    let users: Vec<_> = (1..=PLACES).map(entry).collect();
    settings
        .into_iter()
        .filter(|setting| setting.key.ends_with(".plain.sasl.jaas.config"))
        .try_fold(files, |files, setting| {
            let line = setting.value.expose().trim_end().trim_end_matches(';').trim_end();
            let line = format!("{line} {};", users.join(" "));
            let text = Setting::edit(&files, file, &setting.key, Some(&line))?;
            Ok(files.with(file, text))
        })
}

/// A user as the broker's login module has it.
fn entry(place: usize) -> String {
    format!("user_{}=\"${{env:{}}}\"", user(place), variable(place))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::super::super::endpoint::tests::described;
    use super::*;
    use crate::deployment::Variables;

    #[test]
    fn every_place_is_a_user_of_both_listeners_with_a_password_and_nothing_else_changes() {
        let files = Files::embedded();
        let mut service = described(&files, "suho-kafka", Variables::default()).unwrap();
        let before = Setting::of(&service, &files).unwrap();

        let lent = lend(&mut service, files).unwrap();

        let after = Setting::of(&service, &lent).unwrap();
        let value = |key: &str| {
            after
                .iter()
                .find(|setting| setting.key == key)
                .map(|setting| setting.value.clone())
        };
        for place in 1..=PLACES {
            let password = value(&variable(place)).unwrap();
            assert!(password.is_secret() && password.expose().len() >= 20);
        }
        for setting in before {
            let now = value(&setting.key).unwrap();
            if setting.key.ends_with(".sasl.jaas.config") {
                let (before, now) = (setting.value.expose().trim_end_matches(';'), now.expose());
                assert!(now.starts_with(before) && now.ends_with(';'), "{now}");
                assert!((1..=PLACES).all(|place| now.contains(&entry(place))), "{now}");
            } else {
                assert_eq!(now, setting.value, "{}", setting.key);
            }
        }
    }

    #[test]
    fn a_file_without_users_is_told() {
        let files = Files::embedded().with("kafka.properties", "broker.id=1\n");

        let error = lend(
            &mut described(&Files::embedded(), "suho-kafka", Variables::default()).unwrap(),
            files,
        )
        .unwrap_err()
        .in_full();

        assert!(error.contains("no listener"), "{error}");
    }
}

use crate::bindings::phonebox::action::secrets::Host;
use crate::capabilities::Mode;
use crate::sandbox::{State, lock};

/// How many misspelt names a report keeps, and how long they may be.
const MISSING_KEPT: usize = 16;
const NAME_LIMIT: usize = 128;

impl Host for State {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self
            .capabilities
            .secrets
            .names()
            .map(ToOwned::to_owned)
            .collect())
    }

    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let Some(secret) = self.capabilities.secrets.get(&name) else {
            let mut missing = lock(&self.record.missing_secrets);
            if missing.len() < MISSING_KEPT && name.len() <= NAME_LIMIT && !missing.contains(&name)
            {
                missing.push(self.record.redactor().redact(&name));
            }
            return Ok(None);
        };
        Ok(Some(match secret.mode() {
            Mode::Sealed => self.record.placeholders().stand_in_for(&name),
            Mode::Revealed => secret.value().reveal().to_owned(),
        }))
    }
}

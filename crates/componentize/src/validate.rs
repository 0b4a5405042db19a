use wasmparser::{
    FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

use crate::Refusal;
use crate::place::Place;

/// What the engine is told to accept, too. It is built without a garbage collector, so references to functions are all that
/// there is of references.
fn features() -> WasmFeatures {
    let features =
        WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::COMPONENT_MODEL;
    features - WasmFeatures::GC_TYPES
}

/// Validates a component, and says in which function it is not valid.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), Refusal> {
    let mut parser = Parser::new(0);
    parser.set_features(features());
    let mut validator = Validator::new_with_features(features());
    let (mut modules, mut module) = (0, None);
    let mut bodies = Vec::new();
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(Refusal::from)?;
        match payload {
            Payload::ModuleSection { .. } => {
                module = Some(modules);
                modules += 1;
            }
            Payload::End(_) => module = None,
            _ => {}
        }
        let valid = validator
            .payload(&payload)
            .map_err(|error| Refusal::from(error).at(module.map(Place::module)))?;
        if let (ValidPayload::Func(function, body), Some(module)) = (valid, module) {
            bodies.push((module, function, body));
        }
    }
    let mut allocations = FuncValidatorAllocations::default();
    for (module, function, body) in bodies {
        let place = Place::function(module, function.index);
        let mut validator = function.into_validator(allocations);
        validator
            .validate(&body)
            .map_err(|error| Refusal::from(error).at(Some(place)))?;
        allocations = validator.into_allocations();
    }
    Ok(())
}

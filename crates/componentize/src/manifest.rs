use std::ops::Range;

use wasmparser::{Parser, Payload};

/// The custom section that holds an action's `action.toml`.
pub const MANIFEST_SECTION: &str = "phonebox:action.toml";

/// What was given is not a well-formed component.
#[derive(Debug, thiserror::Error)]
#[error("this is not a well-formed component")]
pub struct NotAComponent(#[source] wasmparser::BinaryReaderError);

/// The component with this manifest in it, in place of any that was there.
pub fn embed_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>, NotAComponent> {
    let mut embedded = Vec::with_capacity(component.len() + manifest.len() + 64);
    let mut kept = 0;
    for range in manifest_sections(component)? {
        embedded.extend_from_slice(component.get(kept..offset(range.start)).unwrap_or_default());
        kept = offset(range.end);
    }
    embedded.extend_from_slice(component.get(kept..).unwrap_or_default());
    let section = wasm_encoder::CustomSection {
        name: MANIFEST_SECTION.into(),
        data: manifest.as_bytes().into(),
    };
    wasm_encoder::ComponentSection::append_to_component(&section, &mut embedded);
    Ok(embedded)
}

fn offset(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset into a slice")
}

/// Where the outermost component's manifest sections are, with their headers.
fn manifest_sections(component: &[u8]) -> Result<Vec<Range<u64>>, NotAComponent> {
    let mut sections = Vec::new();
    let (mut depth, mut end) = (0_u32, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(NotAComponent)? {
            Payload::CustomSection(section) if depth == 0 => {
                if section.name() == MANIFEST_SECTION {
                    sections.push(end..section.range().end);
                }
                end = section.range().end;
            }
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => {
                // What lies inside ends before the section that it lies in.
                if depth == 0 {
                    end = unchecked_range.end;
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            other if depth == 0 => {
                if let Some((_, range)) = other.as_section() {
                    end = range.end;
                } else if let Payload::Version { range, .. } = other {
                    end = range.end;
                }
            }
            _ => {}
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the fuzz target: the section in `$inner` went away together with the old manifest.
    #[test]
    fn a_manifest_takes_the_place_of_the_old_one_and_of_nothing_else() {
        let component = wat::parse_str(
            r#"(component
                (component $outer (component $inner (component) (@custom "kept" "data"))))"#,
        )
        .unwrap();
        let once = embed_manifest(&component, "name = \"a\"").unwrap();
        let twice = embed_manifest(&once, "name = \"b\"").unwrap();
        assert_eq!(twice, embed_manifest(&component, "name = \"b\"").unwrap());
    }
}

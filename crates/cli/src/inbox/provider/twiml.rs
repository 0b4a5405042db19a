//! What a caller would hear of a `TwiML` document.

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

/// Why a document is not one that Twilio would carry out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    #[error("the TwiML is not well-formed XML at byte {0}")]
    Malformed(u64),
    #[error("the TwiML has no <Response> as its one root element")]
    Root,
}

/// The text inside every `<Say>`, one line each, with character references and CDATA resolved and
/// white space drawn together as speech does. What SSML inside a `<Say>` wraps is spoken too.
pub(super) fn spoken(twiml: &str) -> Result<String, Invalid> {
    let mut reader = Reader::from_str(twiml);
    let mut said = Said::default();
    // 1 inside <Response>. Whether the end tags match is the reader's business.
    let mut depth = 0_usize;
    let mut seen_root = false;
    loop {
        let event = reader.read_event();
        let malformed = Invalid::Malformed(reader.buffer_position());
        let Ok(event) = event else {
            return Err(malformed);
        };
        match event {
            Event::Start(tag) | Event::Empty(tag)
                if depth == 0 && (seen_root || tag.name().as_ref() != b"Response") =>
            {
                return Err(Invalid::Root);
            }
            Event::Empty(_) => seen_root = true,
            Event::Start(tag) => {
                seen_root = true;
                depth += 1;
                if tag.name().as_ref() == b"Say" {
                    said.open(depth);
                }
            }
            Event::End(_) => {
                said.close(depth);
                depth -= 1;
            }
            Event::Text(text) => match text.decode() {
                Ok(text) if depth > 0 || text.trim().is_empty() => said.push(&text),
                Ok(_) => return Err(Invalid::Root),
                Err(_) => return Err(malformed),
            },
            Event::CData(text) => said.push(&text.decode().map_err(|_| malformed)?),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok().flatten();
                let name = reference.decode().ok();
                let entity = name.as_deref().and_then(resolve_predefined_entity);
                match (character, entity) {
                    (Some(character), _) => said.push(character.encode_utf8(&mut [0; 4])),
                    (None, Some(entity)) => said.push(entity),
                    (None, None) => return Err(malformed),
                }
            }
            Event::DocType(_) => return Err(malformed),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof if depth > 0 => return Err(malformed),
            Event::Eof if !seen_root => return Err(Invalid::Root),
            Event::Eof => return Ok(said.lines.join("\n")),
        }
    }
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    /// The `<Say>` that is open: its depth, and what it says so far.
    open: Option<(usize, String)>,
}

impl Said {
    fn open(&mut self, depth: usize) {
        self.open.get_or_insert((depth, String::new()));
    }

    fn push(&mut self, text: &str) {
        if let Some((_, said)) = &mut self.open {
            said.push_str(text);
        }
    }

    fn close(&mut self, depth: usize) {
        if let Some((_, said)) = self.open.take_if(|(opened, _)| *opened == depth) {
            let words: Vec<_> = said.split_whitespace().collect();
            self.lines.push(words.join(" "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_unescaped() {
        let cases = [
            (
                "<Response><Say>Your code is 1, 2, 3</Say></Response>",
                "Your code is 1, 2, 3",
            ),
            (
                "<?xml version=\"1.0\"?>\n<Response>\n <Say voice=\"alice\">A &amp; B &lt;3 &#233;&#x1F600;</Say>\n</Response>\n",
                "A & B <3 é😀",
            ),
            (
                "<Response><Say><![CDATA[5 < 6 & 7]]></Say></Response>",
                "5 < 6 & 7",
            ),
            (
                "<Response><Say>One</Say><Pause length=\"1\"/><Say>Two</Say></Response>",
                "One\nTwo",
            ),
            (
                "<Response><Gather><Say>Press <emphasis>one</emphasis>\n  now</Say></Gather></Response>",
                "Press one now",
            ),
            (
                "<Response><!-- <Say>no</Say> --><Play>https://x.example/a.mp3</Play></Response>",
                "",
            ),
            ("<Response/>", ""),
        ];
        for (twiml, heard) in cases {
            assert_eq!(spoken(twiml).as_deref(), Ok(heard), "{twiml}");
        }
    }

    #[test]
    fn what_is_no_twiml_is_refused() {
        let malformed = [
            "<Response><Say>Hi</Response>",
            "<Response><Say>Hi</Say>",
            "<Response><Say>A & B</Say></Response>",
            "<Response><Say>&nbsp;</Say></Response>",
            "<Response><Say>&#xD800;</Say></Response>",
            "<!DOCTYPE r [<!ENTITY a \"b\">]><Response><Say>&a;</Say></Response>",
        ];
        for twiml in malformed {
            assert!(
                matches!(spoken(twiml), Err(Invalid::Malformed(_))),
                "{twiml}: {:?}",
                spoken(twiml)
            );
        }
        for twiml in [
            "",
            "hello",
            "<Say>Hi</Say>",
            "<Response/><Response/>",
            "<Response></Response>tail",
        ] {
            assert_eq!(spoken(twiml), Err(Invalid::Root), "{twiml}");
        }
    }
}

//! What of a log is searched for: as much of Lucene's syntax as Auth0's logs are searched with. What is beyond that is
//! refused, so that nobody is told less, or more, than they asked for.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use phonebox::store::{Matches, Time, What};

/// Longest search, in bytes.
const LONGEST: usize = 2048;
/// Most that is compared.
const COMPARED: usize = 50;
/// Most brackets and negations within one another.
const DEPTH: usize = 10;
/// Most names below `details`.
const NAMES: usize = 5;
/// What an entry may say beside its type, id, date and details.
const FIELDS: [&str; 16] = [
    "audience",
    "client_id",
    "client_name",
    "connection",
    "connection_id",
    "description",
    "hostname",
    "ip",
    "isMobile",
    "scope",
    "strategy",
    "strategy_type",
    "user_agent",
    "user_id",
    "user_name",
    "details",
];
/// What means something else in Lucene's syntax, and is not understood.
const BEYOND: [char; 10] = ['~', '^', '?', '/', '<', '>', '=', '{', '}', '['];

/// What is to be true of what is found. Gives what is wrong where it is not understood.
pub(super) fn parse(text: &str) -> Result<Option<Matches>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST {
        return Err(format!("a search has {LONGEST} bytes at the most"));
    }
    let mut search = Search {
        rest: text.trim_start(),
        compared: 0,
    };
    let found = search.any(None, DEPTH)?;
    match search.rest.chars().next() {
        None => Ok(Some(found)),
        Some(')') => Err("there is a ) without its (".to_owned()),
        Some(_) => Err("join what is searched for by AND or OR".to_owned()),
    }
}

#[derive(Clone, Debug)]
enum Field {
    Date,
    What(What),
}

/// What is still to be read.
struct Search<'a> {
    rest: &'a str,
    compared: usize,
}

impl Search<'_> {
    /// Of a field, if one is said to be meant.
    fn any(&mut self, field: Option<&Field>, depth: usize) -> Result<Matches, String> {
        let mut any = vec![self.all(field, depth)?];
        while self.word("OR") || self.sign("||") {
            any.push(self.all(field, depth)?);
        }
        Ok(one_or(any, Matches::Any))
    }

    fn all(&mut self, field: Option<&Field>, depth: usize) -> Result<Matches, String> {
        let mut all = vec![self.one(field, depth)?];
        while self.word("AND") || self.sign("&&") {
            all.push(self.one(field, depth)?);
        }
        Ok(one_or(all, Matches::All))
    }

    fn one(&mut self, field: Option<&Field>, depth: usize) -> Result<Matches, String> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| format!("there is more than {DEPTH} within one another"))?;
        if self.word("NOT") || self.sign("!") || self.sign("-") {
            return Ok(Matches::Not(Box::new(self.one(field, depth)?)));
        }
        if self.sign("(") {
            let found = self.any(field, depth)?;
            return if self.sign(")") {
                Ok(found)
            } else {
                Err("a ( has no ), or something in it is not joined by AND or OR".to_owned())
            };
        }
        if let Some(field) = field {
            return self.value(field);
        }
        let name = self.name();
        if !self.rest.starts_with(':') {
            return Err("say in which field, as in type:fn".to_owned());
        }
        self.forward(1);
        if name == "_exists_" {
            let name = self.name();
            return match self::field(&name)? {
                Field::Date => Ok(Matches::All(Vec::new())),
                Field::What(what) => self.compare(Matches::Has(what)),
            };
        }
        let field = self::field(&name)?;
        if self.rest.starts_with('(') {
            return self.one(Some(&field), depth);
        }
        self.value(&field)
    }

    /// What a field is to be.
    fn value(&mut self, field: &Field) -> Result<Matches, String> {
        if self.rest.starts_with(['[', '{']) {
            return self.range(field);
        }
        let parts = if self.rest.starts_with('"') {
            vec![self.quoted()?]
        } else {
            self.bare()?
        };
        match (field, &*parts) {
            (Field::What(what), [empty, rest @ ..])
                if empty.is_empty() && rest.iter().all(String::is_empty) && !rest.is_empty() =>
            {
                self.compare(Matches::Has(what.clone()))
            }
            (Field::What(what), _) => self.compare(Matches::Is(what.clone(), parts)),
            (Field::Date, [date]) => {
                let (from, before) = moment(date)?;
                self.compare(Matches::Within(Some(from), Some(before)))
            }
            (Field::Date, _) => Err(DATES.to_owned()),
        }
    }

    fn range(&mut self, field: &Field) -> Result<Matches, String> {
        let Field::Date = field else {
            return Err("only date has ranges, as in date:[2026-01-01 TO *]".to_owned());
        };
        let unread = || "a range is written as in date:[2026-01-01 TO *]".to_owned();
        let end = self.rest.find([']', '}']).ok_or_else(unread)?;
        let (inside, rest) = self.rest.split_at(end);
        let (without_first, without_last) = (inside.starts_with('{'), rest.starts_with('}'));
        let (from, to) = inside
            .get(1..)
            .and_then(|inside| inside.split_once(" TO "))
            .ok_or_else(unread)?;
        let bound = |text: &str| match text.trim().trim_matches('"') {
            "*" => Ok(None),
            date => moment(date).map(Some),
        };
        let from = bound(from)?.map(|(from, end)| if without_first { end } else { from });
        let before = bound(to)?.map(|(from, end)| if without_last { from } else { end });
        self.forward(end + 1);
        self.skip();
        self.compare(Matches::Within(from, before))
    }

    fn quoted(&mut self) -> Result<String, String> {
        let (mut text, mut escaped) = (String::new(), false);
        for (place, character) in self.rest.char_indices().skip(1) {
            match character {
                _ if escaped => {
                    text.push(character);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.forward(place + 1);
                    self.skip();
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err("a \" has no other one".to_owned())
    }

    /// Its parts, between those that may be anything.
    fn bare(&mut self) -> Result<Vec<String>, String> {
        let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
        let mut end = self.rest.len();
        for (place, character) in self.rest.char_indices() {
            match character {
                _ if escaped => {
                    part.push(character);
                    escaped = false;
                }
                '\\' => escaped = true,
                '*' => parts.push(std::mem::take(&mut part)),
                character if character.is_whitespace() || matches!(character, '(' | ')') => {
                    end = place;
                    break;
                }
                character if BEYOND.contains(&character) || matches!(character, '"' | ']') => {
                    return Err(format!(
                        "{character} is not understood: put what it is in between \" and \""
                    ));
                }
                _ => part.push(character),
            }
        }
        if end == 0 {
            return Err("a field has no value".to_owned());
        }
        if escaped {
            return Err("nothing follows the \\".to_owned());
        }
        parts.push(part);
        self.forward(end);
        self.skip();
        Ok(parts)
    }

    fn compare(&mut self, matches: Matches) -> Result<Matches, String> {
        self.compared += 1;
        if self.compared > COMPARED {
            return Err(format!("more than {COMPARED} things are compared"));
        }
        Ok(matches)
    }

    /// The name of a field, which may be none.
    fn name(&mut self) -> String {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        let (name, _) = self.rest.split_at(end);
        let name = name.to_owned();
        self.forward(end);
        if !self.rest.starts_with(':') {
            self.skip();
        }
        name
    }

    fn word(&mut self, word: &str) -> bool {
        let follows = |rest: &str| {
            rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '(')
        };
        let found = self.rest.strip_prefix(word).is_some_and(follows);
        if found {
            self.forward(word.len());
            self.skip();
        }
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.rest.starts_with(sign);
        if found {
            self.forward(sign.len());
            self.skip();
        }
        found
    }

    fn forward(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn one_or(mut several: Vec<Matches>, all: impl Fn(Vec<Matches>) -> Matches) -> Matches {
    match several.pop() {
        Some(one) if several.is_empty() => one,
        last => {
            several.extend(last);
            all(several)
        }
    }
}

fn field(name: &str) -> Result<Field, String> {
    let names: Vec<&str> = name.split('.').collect();
    let known = match &*names {
        ["date"] => return Ok(Field::Date),
        ["type"] => return Ok(Field::What(What::Kind)),
        ["log_id" | "_id"] => return Ok(Field::What(What::Id)),
        ["details", below @ ..] => {
            (1..=NAMES).contains(&below.len()) && below.iter().all(|name| !name.is_empty())
        }
        [name] => FIELDS.contains(name),
        _ => false,
    };
    if !known {
        let all = FIELDS.join(", ");
        return Err(format!(
            "there is no field of this name to search in: there are type, date, log_id, {all}.…"
        ));
    }
    let names = names.into_iter().map(ToOwned::to_owned).collect();
    Ok(Field::What(What::Text(names)))
}

const DATES: &str =
    "a date is written as in 2026-01-31, 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.000Z";

/// From when to before when it is: a day, a second or a millisecond.
fn moment(text: &str) -> Result<(Time, Time), String> {
    let wrong = || DATES.to_owned();
    let time = |timestamp: Timestamp| {
        let millis = timestamp.as_millisecond();
        u64::try_from(millis)
            .map(Time::from_millis)
            .map_err(|_| wrong())
    };
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2026-01-31".len()
    {
        let begins = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
        let next = day.checked_add(1.day()).and_then(begins);
        return Ok((
            time(begins(day).map_err(|_| wrong())?)?,
            time(next.map_err(|_| wrong())?)?,
        ));
    }
    let timestamp = match text.parse::<Timestamp>() {
        Ok(timestamp) => timestamp,
        // Without an offset it is UTC's.
        Err(_) => text
            .parse::<DateTime>()
            .and_then(|time| time.to_zoned(TimeZone::UTC))
            .map_err(|_| wrong())?
            .timestamp(),
    };
    let from = time(timestamp)?;
    let precise = if text.contains('.') {
        Duration::from_millis(1)
    } else {
        Duration::from_secs(1)
    };
    Ok((from, from + precise))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: &str) -> Matches {
        Matches::Is(What::Kind, vec![kind.to_owned()])
    }

    fn text(names: &[&str], parts: &[&str]) -> Matches {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Matches::Is(What::Text(owned(names)), owned(parts))
    }

    fn parsed(search: &str) -> Matches {
        parse(search)
            .unwrap_or_else(|error| panic!("{search}: {error}"))
            .unwrap()
    }

    #[test]
    fn what_people_search_with_is_understood() {
        let not = |matches| Matches::Not(Box::new(matches));
        for (search, expected) in [
            ("type:fn", kind("fn")),
            (" type:\"fn\" ", kind("fn")),
            (
                "type:fn OR type:wn",
                Matches::Any(vec![kind("fn"), kind("wn")]),
            ),
            (
                "type:(fn OR wn)",
                Matches::Any(vec![kind("fn"), kind("wn")]),
            ),
            (
                "type:fn AND (ip:127.* || NOT client_id:abc)",
                Matches::All(vec![
                    kind("fn"),
                    Matches::Any(vec![
                        text(&["ip"], &["127.", ""]),
                        not(text(&["client_id"], &["abc"])),
                    ]),
                ]),
            ),
            (
                "type:a OR type:b AND -type:c",
                Matches::Any(vec![
                    kind("a"),
                    Matches::All(vec![kind("b"), not(kind("c"))]),
                ]),
            ),
            (
                r#"details.request.path:"/api/v2/logs (x)" AND description:a\:b\*"#,
                Matches::All(vec![
                    text(&["details", "request", "path"], &["/api/v2/logs (x)"]),
                    text(&["description"], &["a:b*"]),
                ]),
            ),
            (
                "_exists_:client_id",
                Matches::Has(What::Text(vec!["client_id".to_owned()])),
            ),
            ("ip:*", Matches::Has(What::Text(vec!["ip".to_owned()]))),
        ] {
            assert_eq!(parsed(search), expected, "{search}");
        }
        assert_eq!(parse("  "), Ok(None));
    }

    #[test]
    fn dates_are_days_seconds_or_milliseconds() {
        let at = |text: &str| {
            let timestamp: Timestamp = text.parse().unwrap();
            Some(Time::from_millis(
                timestamp.as_millisecond().try_into().unwrap(),
            ))
        };
        let [day, next] = ["2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"].map(at);
        let [noon, second, millisecond] = [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:01Z",
            "2026-01-31T12:00:00.001Z",
        ]
        .map(at);
        for (search, from, before) in [
            ("date:2026-01-31", day, next),
            ("date:[2026-01-31 TO 2026-01-31]", day, next),
            ("date:[2026-01-31 TO *]", day, None),
            ("date:{2026-01-31 TO *]", next, None),
            ("date:[* TO 2026-01-31}", None, day),
            (
                "date:[2026-01-31T12:00:00 TO 2026-01-31T12:00:00]",
                noon,
                second,
            ),
            (
                "date:[2026-01-31T13:00:00.000+01:00 TO 2026-01-31T12:00:00.000Z]",
                noon,
                millisecond,
            ),
            ("date:\"2026-01-31T12:00:00Z\"", noon, second),
        ] {
            assert_eq!(parsed(search), Matches::Within(from, before), "{search}");
        }
    }

    #[test]
    fn w15_what_is_not_understood_is_refused_and_says_why() {
        let deep = format!("{}type:fn{}", "(".repeat(11), ")".repeat(11));
        let many = vec!["type:fn"; 51].join(" OR ");
        let long = format!("type:\"{}\"", "x".repeat(2048));
        for (search, why) in [
            ("fn", "in which field"),
            ("\"fn\"", "in which field"),
            ("type:fn wn", "AND or OR"),
            ("type:fn type:wn", "AND or OR"),
            ("type:(fn wn)", "AND or OR"),
            ("type:fn and type:wn", "AND or OR"),
            ("type:", "no value"),
            ("type:fn AND", "in which field"),
            ("AND type:fn", "in which field"),
            ("(type:fn", "has no )"),
            ("type:fn)", "without its ("),
            ("type:\"fn", "has no other one"),
            ("type:fn~", "not understood"),
            ("type:f?", "not understood"),
            ("type:/f./", "not understood"),
            ("type:fn\\", "follows"),
            ("ip:[1 TO 2]", "only date"),
            ("date:[now-1d TO now]", "2026-01-31"),
            ("date:[2026-01-01 2026-01-02]", "a range"),
            ("date:2026*", "2026-01-31"),
            ("date:[2026-01-01 TO", "a range"),
            ("date:>2026-01-01", "not understood"),
            ("passwort:x", "there is no field"),
            ("details:x", "there is no field"),
            ("details.:x", "there is no field"),
            ("details.a.b.c.d.e.f:x", "there is no field"),
            ("type.x:y", "there is no field"),
            ("1=1; DROP TABLE log", "in which field"),
            (&deep, "within one another"),
            (&many, "compared"),
            (&long, "bytes"),
        ] {
            let error = parse(search).unwrap_err();
            assert!(error.contains(why), "{search}: {error}");
        }
    }
}

//! Text and bytes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD,
};
use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray};

use crate::host::{Bytes, bytes, wrong};

/// Takes whatever Node takes: with padding, without, and with bits left over.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(crate) fn add(object: &Object<'_>) -> Result<()> {
    object.set("encode", Func::from(encode))?;
    object.set("decode", Func::from(decode))?;
    object.set(
        "isUtf8",
        Func::from(|given: Bytes<'_>| std::str::from_utf8(&bytes(&given)).is_ok()),
    )
}

/// The bytes that a text is in an encoding.
fn encode<'js>(ctx: Ctx<'js>, text: String, encoding: String) -> Result<Bytes<'js>> {
    let bytes = match encoding.as_str() {
        "utf8" => text.into_bytes(),
        "latin1" => from_latin1(&text),
        "hex" => from_hex(&text),
        "base64" => from_base64(&text),
        "utf16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => return Err(wrong(&ctx, "unknown encoding")),
    };
    TypedArray::new(ctx, bytes)
}

/// The text that bytes are in an encoding.
fn decode(ctx: Ctx<'_>, given: Bytes<'_>, encoding: String) -> Result<String> {
    let bytes = bytes(&given);
    Ok(match encoding.as_str() {
        "utf8" => String::from_utf8_lossy(&bytes).into_owned(),
        "latin1" => to_latin1(&bytes),
        "ascii" => bytes.iter().map(|byte| char::from(byte & 0x7f)).collect(),
        "hex" => to_hex(&bytes),
        "base64" => STANDARD.encode(&bytes),
        "base64url" => URL_SAFE_NO_PAD.encode(&bytes),
        "utf16le" => {
            let units = bytes
                .as_chunks()
                .0
                .iter()
                .map(|pair| u16::from_le_bytes(*pair));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => return Err(wrong(&ctx, "unknown encoding")),
    })
}

/// Each character is the byte of its lowest eight bits.
pub(crate) fn from_latin1(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .map(|unit| unit.to_le_bytes()[0])
        .collect()
}

pub(crate) fn to_latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// As Node has it: it ends where the digits do.
fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().as_chunks::<2>().0.iter();
    pairs
        .map_while(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

/// As Node has it: both alphabets, and what is of neither is passed over.
fn from_base64(text: &str) -> Vec<u8> {
    let text = text.split('=').next().unwrap_or_default();
    let standard = text.bytes().filter_map(|byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(byte),
        _ => byte.is_ascii_alphanumeric().then_some(byte),
    });
    let mut standard: Vec<u8> = standard.collect();
    if standard.len() % 4 == 1 {
        standard.pop();
    }
    LENIENT.decode(standard).unwrap_or_default()
}

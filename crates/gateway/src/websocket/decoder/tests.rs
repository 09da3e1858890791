//! The protocol's rules as data: what a client sends, and what comes of it however the bytes are cut.

mod random;

use super::*;
use crate::websocket::FrameLimits;

const LIMITS: FrameLimits = FrameLimits { frame: 32_768, message: 131_072 };
/// As API Gateway.
const STRICT: Rules = Rules { limits: LIMITS, binary: BinaryFrames::Refused, compression: Compression::None };
/// With everything a stage can ask for beyond it.
const RELAXED: Rules = Rules {
    limits: FrameLimits { frame: 131_072, message: 131_072 },
    binary: BinaryFrames::Taken,
    compression: Compression::Deflate,
};

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut wire = vec![first];
    match payload.len() {
        length @ 0..=125 => wire.push(0x80 | length as u8),
        length @ 126..=0xFFFF => {
            wire.push(0x80 | 126);
            wire.extend((length as u16).to_be_bytes());
        }
        length => {
            wire.push(0x80 | 127);
            wire.extend((length as u64).to_be_bytes());
        }
    }
    wire.extend(mask);
    wire.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    wire
}

/// Decodes in pieces of `step` bytes; the result is every event in words, and the close code if a rule was broken.
fn decode(wire: &[u8], step: usize, rules: Rules) -> (Vec<String>, Option<u16>) {
    decode_pieces(wire.chunks(step), rules)
}

fn decode_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, rules: Rules) -> (Vec<String>, Option<u16>) {
    let (mut decoder, mut inflater) = (Decoder::default(), Inflater::default());
    let mut events = Vec::new();
    for piece in pieces {
        let result = decoder.decode(&mut piece.to_vec(), rules, &mut inflater, |event| {
            events.push(match event {
                Event::Text(text) if text.len() > 64 => format!("text of {}", text.len()),
                Event::Text(text) => format!("text {text}"),
                Event::Binary(bytes) if bytes.len() > 64 => format!("binary of {}", bytes.len()),
                Event::Binary(bytes) => format!("binary {bytes:?}"),
                Event::Ping(payload) => format!("ping {}", String::from_utf8_lossy(payload)),
                Event::Pong => "pong".to_owned(),
                Event::Close(reason) => format!("close {} {}", reason.code, reason.reason),
            });
            true
        });
        if let Err(reason) = result {
            return (events, Some(reason.code));
        }
    }
    (events, None)
}

fn check(name: &str, frames: &[Vec<u8>], events: &[&str], close: Option<u16>) {
    check_with(STRICT, name, frames, events, close);
}

fn check_with(rules: Rules, name: &str, frames: &[Vec<u8>], events: &[&str], close: Option<u16>) {
    let wire = frames.concat();
    for step in [wire.len().max(1), 1, 2, 3, 7, 4096] {
        let (got, code) = decode(&wire, step, rules);
        assert_eq!(
            (got.iter().map(String::as_str).collect::<Vec<_>>(), code),
            (events.to_vec(), close),
            "{name}, {step}"
        );
    }
}

#[test]
fn messages_arrive_whole_however_they_are_cut() {
    check("one frame", &[frame(0x81, b"hello")], &["text hello"], None);
    check("two frames at once", &[frame(0x81, b"a"), frame(0x81, b"b")], &["text a", "text b"], None);
    check("empty", &[frame(0x81, b"")], &["text "], None);
    check("fragments", &[frame(0x01, b"he"), frame(0x00, b"ll"), frame(0x80, b"o")], &["text hello"], None);
    check("empty fragments", &[frame(0x01, b""), frame(0x00, b""), frame(0x80, b"")], &["text "], None);
    check("ping between", &[frame(0x01, b"a"), frame(0x89, b"p"), frame(0x80, b"b")], &["ping p", "text ab"], None);
    check("pong ignored", &[frame(0x8A, b"x"), frame(0x81, b"a")], &["pong", "text a"], None);
    check("character across frames", &[frame(0x01, b"\xC3"), frame(0x80, b"\xA4")], &["text ä"], None);
    check("32 KB", &[frame(0x81, &[b'x'; 32_768])], &["text of 32768"], None);
    let quarter = [b'x'; 32_768];
    let whole = [frame(0x01, &quarter), frame(0x00, &quarter), frame(0x00, &quarter), frame(0x80, &quarter)];
    check("128 KB", &whole, &["text of 131072"], None);
}

#[test]
fn broken_rules_have_their_close_codes() {
    let quarter = [b'x'; 32_768];
    check("frame too big", &[frame(0x81, &[b'x'; 32_769])], &[], Some(1009));
    let parts =
        [frame(0x01, &quarter), frame(0x00, &quarter), frame(0x00, &quarter), frame(0x00, &quarter), frame(0x80, b"x")];
    check("message too big", &parts, &[], Some(1009));
    check("binary", &[frame(0x82, b"x")], &[], Some(1003));
    check("reserved bit", &[frame(0xC1, b"x")], &[], Some(1002));
    check("reserved bit on binary", &[frame(0xC2, b"x")], &[], Some(1002));
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        check("reserved opcode", &[frame(0x80 | opcode, b"")], &[], Some(1002));
    }
    check("unmasked", &[vec![0x81, 0x01, b'x']], &[], Some(1002));
    check("fragmented ping", &[frame(0x09, b"x")], &[], Some(1002));
    check("long ping", &[frame(0x89, &[b'x'; 126])], &[], Some(1002));
    check("continuation first", &[frame(0x80, b"x")], &[], Some(1002));
    check("text inside text", &[frame(0x01, b"x"), frame(0x81, b"y")], &[], Some(1002));
    check("invalid UTF-8", &[frame(0x81, b"\xFF")], &[], Some(1007));
    check("invalid UTF-8, second fragment", &[frame(0x01, b"ok"), frame(0x00, b"\xC0")], &[], Some(1007));
    check("cut UTF-8", &[frame(0x81, b"\xC3")], &[], Some(1007));
    check("surrogate", &[frame(0x81, b"\xED\xA0\x80")], &[], Some(1007));
    for (length, code) in [(u64::MAX >> 1, 1009), (65_536, 1009), (u64::MAX, 1002), (65_535, 1002), (1, 1002)] {
        let wire = [vec![0x81, 0xFF], length.to_be_bytes().to_vec(), vec![0; 4]].concat();
        check(&format!("64-bit length {length}"), &[wire], &[], Some(code));
    }
    check("16-bit length 125", &[[vec![0x81, 0xFE, 0, 125], vec![0; 4]].concat()], &[], Some(1002));
}

#[test]
fn invalid_utf8_is_refused_before_the_message_ends() {
    // Given the header of a long frame, when its first bytes cannot be UTF-8, then the rest is not waited for.
    let wire = frame(0x81, &[b"\xCE\xBA\xE1\xBD\xB9\xF4\x90\x80\x80".as_slice(), &[b'x'; 100]].concat());
    assert_eq!(decode(&wire[..20], 1, STRICT).1, Some(1007));
}

#[test]
fn closes_are_read_with_code_and_reason() {
    check("empty", &[frame(0x88, b"")], &["close 1005 Client-side close frame status not set"], None);
    check("code", &[frame(0x88, &[0x03, 0xE8])], &["close 1000 "], None);
    check("code and reason", &[frame(0x88, b"\x0f\xa1x")], &["close 4001 x"], None);
    check("one byte", &[frame(0x88, &[3])], &[], Some(1002));
    check("reason not UTF-8", &[frame(0x88, b"\x03\xE8\xFF")], &[], Some(1007));
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        check("forbidden code", &[frame(0x88, &code.to_be_bytes())], &[], Some(1002));
    }
}

#[test]
fn nothing_is_held_at_a_message_boundary() {
    let mut decoder = Decoder::default();
    let wire = [frame(0x01, b"he"), frame(0x80, b"llo")].concat();
    let (one, two) = wire.split_at(9);
    decoder.decode(&mut one.to_vec(), STRICT, &mut Inflater::default(), |_| true).unwrap();
    assert!(decoder.held() > 0);
    decoder.decode(&mut two.to_vec(), STRICT, &mut Inflater::default(), |_| true).unwrap();
    assert_eq!(decoder.held(), 0);
}

#[test]
fn a_promised_length_costs_no_memory() {
    let mut decoder = Decoder::default();
    let wire = frame(0x81, &[b'x'; 32_768]);
    decoder.decode(&mut wire[..20].to_vec(), STRICT, &mut Inflater::default(), |_| true).unwrap();
    assert!(decoder.held() < 512, "{} bytes held for 12 received", decoder.held());
}

#[test]
fn a_stage_may_take_longer_frames_and_binary_ones() {
    let [quarter, whole] = [32_768, 131_072].map(|length| vec![b'x'; length]);
    for (name, frames, events, close) in [
        ("binary", vec![frame(0x82, b"\xFF\x00")], vec!["binary [255, 0]"], None),
        ("empty binary", vec![frame(0x82, b"")], vec!["binary []"], None),
        ("binary in pieces", vec![frame(0x02, b"\xC3"), frame(0x80, b"\xC3")], vec!["binary [195, 195]"], None),
        ("one frame of 128 KB", vec![frame(0x81, &whole)], vec!["text of 131072"], None),
        ("a byte more", vec![frame(0x81, &[&whole[..], b"x"].concat())], vec![], Some(1009)),
        ("pieces of too much", vec![frame(0x02, &whole), frame(0x80, b"x")], vec![], Some(1009)),
        ("text inside binary", vec![frame(0x02, b"x"), frame(0x81, b"y")], vec![], Some(1002)),
        ("binary inside text", vec![frame(0x01, b"x"), frame(0x82, b"y")], vec![], Some(1002)),
        ("invalid UTF-8 stays so", vec![frame(0x01, &quarter), frame(0x80, b"\xFF")], vec![], Some(1007)),
    ] {
        check_with(RELAXED, name, &frames, &events, close);
    }
}

/// A message as another implementation compresses it.
fn squeezed(content: &[u8]) -> Vec<u8> {
    let mut state = flate2::Compress::new(flate2::Compression::best(), false);
    let mut wire = Vec::with_capacity(content.len() + 1000);
    state.compress_vec(content, &mut wire, flate2::FlushCompress::Sync).unwrap();
    wire.truncate(wire.len() - 4);
    wire
}

#[test]
fn compressed_messages_follow_their_own_rules() {
    let hello = squeezed(b"hello");
    let (head, tail) = hello.split_at(3);
    let long = squeezed(&[b'x'; 131_072]);
    for (name, frames, events, close) in [
        ("text", vec![frame(0xC1, &hello)], vec!["text hello"], None),
        ("binary", vec![frame(0xC2, &hello)], vec!["binary [104, 101, 108, 108, 111]"], None),
        ("empty", vec![frame(0xC1, &[0])], vec!["text "], None),
        (
            "plain between",
            vec![frame(0xC1, &hello), frame(0x81, b"a"), frame(0xC1, &hello)],
            vec!["text hello", "text a", "text hello"],
            None,
        ),
        ("fragments", vec![frame(0x41, head), frame(0x80, tail)], vec!["text hello"], None),
        ("empty last fragment", vec![frame(0x41, &hello), frame(0x80, b"")], vec!["text hello"], None),
        (
            "ping between",
            vec![frame(0x41, head), frame(0x89, b"p"), frame(0x80, tail)],
            vec!["ping p", "text hello"],
            None,
        ),
        ("128 KB", vec![frame(0xC1, &long)], vec!["text of 131072"], None),
        ("more than 128 KB", vec![frame(0xC1, &squeezed(&[b'x'; 131_073]))], vec![], Some(1009)),
        ("a bomb", vec![frame(0xC1, &squeezed(&vec![0; 20_000_000]))], vec![], Some(1009)),
        ("a bomb in pieces", vec![frame(0x41, &squeezed(&vec![0; 20_000_000])), frame(0x80, b"")], vec![], Some(1009)),
        ("no deflate data", vec![frame(0xC1, b"hello")], vec![], Some(1007)),
        ("cut deflate data", vec![frame(0xC1, head)], vec![], Some(1007)),
        ("invalid UTF-8 inside", vec![frame(0xC1, &squeezed(b"\xFF"))], vec![], Some(1007)),
        ("RSV1 on a continuation", vec![frame(0x41, head), frame(0xC0, tail)], vec![], Some(1002)),
        ("RSV1 on a continuation of a plain one", vec![frame(0x01, b"a"), frame(0xC0, b"b")], vec![], Some(1002)),
        ("RSV1 on a ping", vec![frame(0xC9, b"")], vec![], Some(1002)),
        ("RSV1 on a close", vec![frame(0xC8, b"")], vec![], Some(1002)),
        ("RSV2", vec![frame(0xA1, b"x")], vec![], Some(1002)),
        ("RSV3", vec![frame(0x91, b"x")], vec![], Some(1002)),
    ] {
        check_with(RELAXED, name, &frames, &events, close);
    }
    check("not negotiated", &[frame(0xC1, &hello)], &[], Some(1002));
}

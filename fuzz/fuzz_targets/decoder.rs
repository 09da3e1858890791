//! Bytes of clients into the WebSocket decoder: no panic, bounded memory, and the same events however they are cut.
//!
//! `cargo +nightly fuzz run decoder`, from the root of the repository.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_gateway::websocket::{
    BinaryFrames, Compression, Decoder, Event, FrameLimits, Inflater, Rules,
};

/// Small, so that the fuzzer reaches them.
const LIMITS: FrameLimits = FrameLimits { frame: 512, message: 1024 };
/// What a message may hold besides its bytes: growth of its buffer, and the state of a frame.
const MOST_HELD: usize = 4 * LIMITS.message;

fuzz_target!(|input: (bool, bool, u8, Vec<u8>)| {
    let (binary, compressed, step, wire) = input;
    let rules = Rules {
        limits: LIMITS,
        binary: if binary { BinaryFrames::Taken } else { BinaryFrames::Refused },
        compression: if compressed { Compression::Deflate } else { Compression::None },
    };
    let whole = decode(&wire, wire.len().max(1), rules);
    assert_eq!(decode(&wire, usize::from(step).max(1), rules), whole);
});

fn decode(wire: &[u8], step: usize, rules: Rules) -> (Vec<String>, Option<u16>) {
    let (mut decoder, mut inflater, mut events) = (Decoder::default(), Inflater::default(), Vec::new());
    for piece in wire.chunks(step) {
        let result = decoder.decode(&mut piece.to_vec(), rules, &mut inflater, |event| {
            if let Event::Text(text) = event {
                assert!(text.len() <= LIMITS.message);
            }
            events.push(format!("{event:?}"));
            true
        });
        if let Err(reason) = result {
            return (events, Some(reason.code));
        }
        assert!(decoder.held() <= MOST_HELD, "{} bytes held", decoder.held());
    }
    (events, None)
}

//! What kind of program a `bootstrap` is, read from its first bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The machine in an ELF header, and what it is called: the ELF specification's `e_machine`.
const MACHINES: &[(u16, &str)] = &[(3, "x86"), (40, "arm"), (62, "x86_64"), (183, "aarch64"), (243, "riscv64")];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    /// An ELF program, and for which machine.
    Elf(String),
    /// `#!` and an interpreter.
    Script,
    Other,
}

pub(crate) fn inspect(path: &Path) -> io::Result<Binary> {
    let mut head = Vec::with_capacity(20);
    File::open(path)?.take(20).read_to_end(&mut head)?;
    Ok(kind(&head))
}

fn kind(head: &[u8]) -> Binary {
    match head {
        [b'#', b'!', ..] => Binary::Script,
        [0x7f, b'E', b'L', b'F', _, order, ..] if head.len() == 20 => {
            let machine = [head[18], head[19]];
            // The sixth byte says in which order the others are.
            let machine = if *order == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) };
            let known = MACHINES.iter().find(|(number, _)| *number == machine);
            Binary::Elf(known.map_or_else(|| format!("machine {machine}"), |(_, name)| (*name).to_owned()))
        }
        _ => Binary::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_by_their_first_bytes() {
        let elf = |order: u8, machine: [u8; 2]| [&[0x7f, b'E', b'L', b'F', 2, order][..], &[0; 12], &machine].concat();
        for (head, expected) in [
            (b"#!/bin/sh\n".to_vec(), Binary::Script),
            (elf(1, [62, 0]), Binary::Elf("x86_64".into())),
            (elf(1, [183, 0]), Binary::Elf("aarch64".into())),
            (elf(2, [0, 22]), Binary::Elf("machine 22".into())),
            (elf(1, [62, 0])[..19].to_vec(), Binary::Other),
            (b"MZ".to_vec(), Binary::Other),
            (Vec::new(), Binary::Other),
        ] {
            assert_eq!(kind(&head), expected, "{head:?}");
        }
        let own = inspect(&std::env::current_exe().unwrap()).unwrap();
        assert!(cfg!(not(target_os = "linux")) || own == Binary::Elf(std::env::consts::ARCH.to_owned()), "{own:?}");
    }
}

//! Who ends the processes when this one is killed: a shell that waits for the end of its input, which is our end.
//!
//! Death signals (`PR_SET_PDEATHSIG`) reach direct children only, and depend on the thread that started them. The shell
//! knows every process group, and finds processes that have left theirs by the log stream in their environment.

use std::io;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// `+ID` and `-ID` lines keep the list of groups; the first argument marks whoever belongs to us.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT PIPE
groups=' '
while read -r change; do
  group=${change#?}
  case $change in
    +*) groups="$groups$group " ;;
    -*) case $groups in *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
for environment in /proc/[0-9]*/environ; do
  if grep -q -s "$1" "$environment"; then
    process=${environment#/proc/}
    kill -KILL "${process%/environ}" 2>/dev/null
  fi
done
"#;

/// Handed to whoever starts processes.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    changes: mpsc::UnboundedSender<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Started(u32),
    Ended(u32),
}

impl Keeper {
    /// Starts the shell. `mark` stands in the environment of all our processes and of no others.
    pub(crate) fn start(mark: &str) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(SCRIPT).arg("sluicegate-keeper").arg(mark);
        // Without our variables, and in a group of its own: Ctrl-C is for the server.
        shell.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").process_group(0);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = shell.spawn()?;
        let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (changes, inbox) = mpsc::unbounded_channel();
        tokio::spawn(pass_on(inbox, stdin, child));
        Ok(Self { changes })
    }

    // The queue is as long as there are processes that start or end at this moment.

    pub(crate) fn started(&self, group: u32) {
        let _ = self.changes.send(Change::Started(group));
    }

    pub(crate) fn ended(&self, group: u32) {
        let _ = self.changes.send(Change::Ended(group));
    }
}

/// Ends with the last keeper; then the shell reads the end, finds nothing to do, and is waited for.
async fn pass_on(mut inbox: mpsc::UnboundedReceiver<Change>, mut stdin: ChildStdin, mut shell: Child) {
    while let Some(change) = inbox.recv().await {
        let line = match change {
            Change::Started(group) => format!("+{group}\n"),
            Change::Ended(group) => format!("-{group}\n"),
        };
        if stdin.write_all(line.as_bytes()).await.is_err() {
            tracing::error!(
                "the shell that ends functions when this server is killed has ended; restart the server soon"
            );
            return;
        }
    }
    drop(stdin);
    let _ = shell.wait().await;
}

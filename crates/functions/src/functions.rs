//! The functions of a server, by name.

use crate::invocation::{self, Call, Host, Measures, Registered};
use crate::process::LoadedFunction;
use crate::{DEFAULT_CONCURRENCY, EventOptions, FunctionOptions, RegisterError};
use arc_swap::ArcSwap;
use bytes::Bytes;
use sluicegate_handler::{Clients, Function};
use sluicegate_protocol::{BoxFuture, Invocation, Invoke, InvokeError};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Invocations read them without a lock; changes replace them all at once.
#[derive(Default)]
pub struct Functions {
    table: ArcSwap<Table>,
    changing: Mutex<()>,
}

#[derive(Default)]
struct Table {
    served: HashMap<Arc<str>, Arc<Registered>>,
    /// Not wanted any more, and still there for whoever has not let go of them.
    leaving: HashMap<Arc<str>, Arc<Registered>>,
}

#[derive(Default)]
pub struct FunctionsBuilder {
    functions: Vec<(Registered, FunctionOptions)>,
}

/// What a change did, by name and in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionChanges {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

impl Functions {
    pub fn builder() -> FunctionsBuilder {
        FunctionsBuilder::default()
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Registered>> {
        self.table.load().find(name).cloned()
    }

    /// Serves these functions instead of the present ones. Those that stay the same go on as they are. Of a changed one,
    /// running invocations finish as they began, and all others meet the new one. One that is not among them any more still
    /// answers until [`let_go`](Self::let_go).
    pub fn update(&self, wanted: FunctionsBuilder) -> Result<FunctionChanges, RegisterError> {
        let wanted = wanted.check()?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.table.load_full();
        let mut changes = FunctionChanges::default();
        let (mut served, mut replaced) = (HashMap::with_capacity(wanted.len()), Vec::new());
        for (name, new) in wanted {
            let old = before.find(&name);
            let new = match old {
                Some(old) if new.is_like(old) => Arc::clone(old),
                Some(old) => Arc::new(new.after(old)),
                None => Arc::new(new),
            };
            match before.served.get(&name) {
                Some(old) if Arc::ptr_eq(old, &new) => {}
                Some(_) => changes.changed.push(name.to_string()),
                None => changes.added.push(name.to_string()),
            }
            replaced.extend(old.map(|old| (Arc::clone(old), Arc::clone(&new))));
            served.insert(name, new);
        }
        let goes = before.served.iter().filter(|(name, _)| !served.contains_key(*name));
        let leaving: HashMap<_, _> = goes.map(|(name, old)| (Arc::clone(name), Arc::clone(old))).collect();
        changes.removed = leaving.keys().map(ToString::to_string).collect();
        changes.removed.sort_unstable();
        let gone =
            before.leaving.iter().filter(|(name, _)| !served.contains_key(*name)).map(|(_, old)| Arc::clone(old));
        let gone: Vec<_> = gone.collect();
        self.table.store(Arc::new(Table { served, leaving }));
        // From here on events find the new ones.
        replaced.iter().for_each(|(old, new)| old.host.retire(Some(&new.host)));
        gone.iter().for_each(|old| old.host.retire(None));
        Ok(changes)
    }

    /// Ends the functions that are not among those of the last [`update`](Self::update).
    pub fn let_go(&self) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.table.load_full();
        self.table.store(Arc::new(Table { served: before.served.clone(), leaving: HashMap::new() }));
        before.leaving.values().for_each(|old| old.host.retire(None));
    }
}

impl Table {
    fn find(&self, name: &str) -> Option<&Arc<Registered>> {
        self.served.get(name).or_else(|| self.leaving.get(name))
    }
}

impl FunctionsBuilder {
    /// Adds a function of this process; `clients` is what its handler can reach.
    pub fn register(
        self,
        name: impl Into<Arc<str>>,
        function: Function,
        clients: Clients,
        options: FunctionOptions,
    ) -> Self {
        let name = name.into();
        // Who knows region and account words the ARN; nobody sees the one of a handler in this process.
        let arn = Arc::clone(&name);
        let qualifiers = BTreeMap::new();
        self.add(name, arn, Host::Handler(function, clients), (qualifiers, EventOptions::default()), options)
    }

    /// Adds a function of local processes.
    pub fn register_loaded(self, loaded: LoadedFunction) -> Self {
        let LoadedFunction { pool, function, arn } = loaded;
        let options = FunctionOptions {
            timeout: function.timeout,
            concurrency: function.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        };
        let described = (function.qualifiers, function.events);
        self.add(function.name.into(), arn.into(), Host::Processes(pool), described, options)
    }

    fn add(
        mut self,
        name: Arc<str>,
        arn: Arc<str>,
        host: Host,
        (qualifiers, events): (BTreeMap<String, String>, EventOptions),
        options: FunctionOptions,
    ) -> Self {
        // Permits beyond what a semaphore can count are refused when the functions are built.
        let places = Arc::new(Semaphore::new(options.concurrency.min(Semaphore::MAX_PERMITS)));
        let measures = Measures::of(&name);
        let FunctionOptions { timeout, concurrency } = options;
        let registered = Registered { name, arn, host, timeout, concurrency, places, measures, qualifiers, events };
        self.functions.push((registered, options));
        self
    }

    pub fn build(self) -> Result<Functions, RegisterError> {
        let functions = Functions::default();
        functions.update(self)?;
        Ok(functions)
    }

    fn check(self) -> Result<BTreeMap<Arc<str>, Registered>, RegisterError> {
        let mut by_name = BTreeMap::new();
        for (registered, options) in self.functions {
            options.check(&registered.name)?;
            match by_name.entry(Arc::clone(&registered.name)) {
                Entry::Occupied(_) => return Err(RegisterError::Duplicate(registered.name.to_string())),
                Entry::Vacant(free) => free.insert(registered),
            };
        }
        Ok(by_name)
    }
}

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let registered = self.find(&invocation.function).ok_or(InvokeError::NotFound)?;
            match invocation::run(registered, Call::new(invocation.payload)).await {
                Ok(completed) => completed.result.map_err(|reported| InvokeError::Function(reported.error)),
                Err(invocation::Throttled) => Err(InvokeError::Throttled),
            }
        })
    }
}

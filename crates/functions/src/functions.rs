//! The functions of a server, by name.

use crate::invocation::{self, Call, Host, Measures, Registered};
use crate::process::LoadedFunction;
use crate::{DEFAULT_CONCURRENCY, FunctionOptions, RegisterError};
use bytes::Bytes;
use sluicegate_handler::{Clients, Function};
use sluicegate_protocol::{BoxFuture, Invocation, Invoke, InvokeError};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Built once, at start; then only read.
#[derive(Default)]
pub struct Functions {
    by_name: HashMap<Arc<str>, Arc<Registered>>,
}

#[derive(Default)]
pub struct FunctionsBuilder {
    functions: Vec<(Registered, FunctionOptions)>,
}

impl Functions {
    pub fn builder() -> FunctionsBuilder {
        FunctionsBuilder::default()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Registered>> {
        self.by_name.get(name)
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
        self.add(name, arn, Host::Handler(function, clients), BTreeMap::new(), options)
    }

    /// Adds a function of local processes.
    pub fn register_loaded(self, loaded: LoadedFunction) -> Self {
        let LoadedFunction { pool, function, arn } = loaded;
        let options = FunctionOptions {
            timeout: function.timeout,
            concurrency: function.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        };
        self.add(function.name.into(), arn.into(), Host::Processes(pool), function.qualifiers, options)
    }

    fn add(
        mut self,
        name: Arc<str>,
        arn: Arc<str>,
        host: Host,
        qualifiers: BTreeMap<String, String>,
        options: FunctionOptions,
    ) -> Self {
        // Permits beyond what a semaphore can count are refused when the functions are built.
        let places = Arc::new(Semaphore::new(options.concurrency.min(Semaphore::MAX_PERMITS)));
        let measures = Measures::of(&name);
        let registered = Registered { name, arn, host, timeout: options.timeout, places, measures, qualifiers };
        self.functions.push((registered, options));
        self
    }

    pub fn build(self) -> Result<Functions, RegisterError> {
        let mut by_name = HashMap::with_capacity(self.functions.len());
        for (registered, options) in self.functions {
            options.check(&registered.name)?;
            match by_name.entry(Arc::clone(&registered.name)) {
                Entry::Occupied(_) => return Err(RegisterError::Duplicate(registered.name.to_string())),
                Entry::Vacant(free) => free.insert(Arc::new(registered)),
            };
        }
        Ok(Functions { by_name })
    }
}

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let registered = self.by_name.get(&invocation.function).ok_or(InvokeError::NotFound)?;
            match invocation::run(Arc::clone(registered), Call::new(invocation.payload)).await {
                Ok(completed) => completed.result.map_err(|reported| InvokeError::Function(reported.error)),
                Err(invocation::Throttled) => Err(InvokeError::Throttled),
            }
        })
    }
}

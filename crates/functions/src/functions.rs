//! The functions of this process, by name.

use crate::invocation::{self, Measures, Registered};
use crate::{FunctionOptions, RegisterError};
use bytes::Bytes;
use sluicegate_handler::{Clients, Function};
use sluicegate_protocol::{BoxFuture, Invocation, Invoke, InvokeError};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Built once, at start; then only read.
#[derive(Default)]
pub struct Functions {
    by_name: HashMap<Arc<str>, Arc<Registered>>,
}

#[derive(Default)]
pub struct FunctionsBuilder {
    functions: Vec<(Arc<str>, Function, Clients, FunctionOptions)>,
}

impl Functions {
    pub fn builder() -> FunctionsBuilder {
        FunctionsBuilder::default()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }
}

impl FunctionsBuilder {
    /// Adds a function; `clients` is what its handler can reach.
    pub fn register(
        mut self,
        name: impl Into<Arc<str>>,
        function: Function,
        clients: Clients,
        options: FunctionOptions,
    ) -> Self {
        self.functions.push((name.into(), function, clients, options));
        self
    }

    pub fn build(self) -> Result<Functions, RegisterError> {
        let mut by_name = HashMap::with_capacity(self.functions.len());
        for (name, function, clients, options) in self.functions {
            options.check(&name)?;
            let places = Arc::new(Semaphore::new(options.concurrency));
            match by_name.entry(Arc::clone(&name)) {
                Entry::Occupied(_) => return Err(RegisterError::Duplicate(name.to_string())),
                Entry::Vacant(free) => {
                    let (timeout, measures) = (options.timeout, Measures::of(&name));
                    free.insert(Arc::new(Registered { name, function, clients, timeout, places, measures }))
                }
            };
        }
        Ok(Functions { by_name })
    }
}

impl Invoke for Functions {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let registered = self.by_name.get(&invocation.function).ok_or(InvokeError::NotFound)?;
            invocation::run(Arc::clone(registered), invocation.payload).await
        })
    }
}

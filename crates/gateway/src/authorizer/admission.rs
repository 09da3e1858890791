//! What a stage asks of every client, whatever its `$connect` route says: beyond AWS, and off unless configured.

use super::Refusal;
use super::jwt::JwtAuthorizer;
use super::origin::AllowedOrigins;
use crate::api::definition::{ApiDefinition, StageDefinition};
use crate::api::problem::Checker;
use crate::exchange::ClientRequest;

pub(crate) struct Admission {
    origins: AllowedOrigins,
    jwt: Option<JwtAuthorizer>,
}

impl Admission {
    pub(crate) fn compile(api: &ApiDefinition, stage: &StageDefinition, checker: &mut Checker) -> Self {
        let extensions = &stage.sluicegate;
        let origins =
            checker.at("allowedOrigins", |checker| AllowedOrigins::compile(&extensions.allowed_origins, checker));
        let jwt = extensions.jwt.as_ref().and_then(|written| {
            let connect = api.routes.iter().find(|route| route.route_key == "$connect");
            let other = connect.and_then(|route| route.authorization_type.as_deref()).filter(|kind| *kind != "NONE");
            checker.at("jwt", |checker| {
                if let Some(other) = other {
                    checker.problem(
                        format!("the $connect route has authorization type {other} already"),
                        "use one of the two",
                    );
                }
                JwtAuthorizer::compile(written, checker)
            })
        });
        Self { origins, jwt }
    }

    pub(super) fn check_origin(&self, request: &ClientRequest) -> Result<(), Refusal> {
        if self.origins.allow(request.client_header("origin")) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    pub(super) fn jwt(&self) -> Option<&JwtAuthorizer> {
        self.jwt.as_ref()
    }
}

//! Registries and the ECR API alone: no engine has a part in it.

mod aws;
mod ecr;
mod ecr_errors;
mod ecr_logins;

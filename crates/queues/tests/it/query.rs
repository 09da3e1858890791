//! The older protocol of SQS: forms in, XML out.

use crate::fixture::World;
use serde_json::json;

#[tokio::test]
async fn forms_do_what_json_does() {
    let world = World::new().await;
    let (status, xml) = world
        .form(
            "/",
            "Action=CreateQueue&Version=2012-11-05&QueueName=jobs&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0",
        )
        .await;
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains(
        "<CreateQueueResult><QueueUrl>http://127.0.0.1:8080/000000000000/jobs</QueueUrl></CreateQueueResult>"
    ));

    // The address says which queue; so integrations write it.
    let (status, xml) = world
        .form(
            "/000000000000/jobs",
            "Action=SendMessage&MessageBody=a%3Cb&MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=Number\
             &MessageAttribute.1.Value.StringValue=7",
        )
        .await;
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains("<MD5OfMessageBody>"), "{xml}");
    let (_, xml) = world
        .form("/000000000000/jobs", "Action=ReceiveMessage&AttributeName.1=SenderId&MessageAttributeName.1=n")
        .await;
    for expected in [
        "<Body>a&lt;b</Body>",
        "<Attribute><Name>SenderId</Name><Value>me</Value></Attribute>",
        "<MessageAttribute><Name>n</Name><Value><DataType>Number</DataType><StringValue>7</StringValue></Value></MessageAttribute>",
    ] {
        assert!(xml.contains(expected), "{expected}\n{xml}");
    }
    let handle = xml.split("<ReceiptHandle>").nth(1).unwrap().split('<').next().unwrap();
    let handle: String = form_urlencoded::byte_serialize(handle.as_bytes()).collect();
    let (status, xml) = world.form("/000000000000/jobs", &format!("Action=DeleteMessage&ReceiptHandle={handle}")).await;
    assert_eq!(status, 200, "{xml}");
    assert!(!xml.contains("Result>"), "there is nothing to say: {xml}");
    assert_eq!(world.attributes("jobs").await["ApproximateNumberOfMessagesNotVisible"], "0");
}

#[tokio::test]
async fn parameters_may_stand_in_the_query() {
    let world = World::new().await;
    let url = world.queue("jobs", json!({})).await;
    let (status, xml) = world.form("/000000000000/jobs?Action=SendMessage&MessageBody=hello+there", "").await;
    assert_eq!(status, 200, "{xml}");
    assert_eq!(world.bodies(&url).await, ["hello there"]);
}

#[tokio::test]
async fn errors_are_xml_with_the_older_codes() {
    let world = World::new().await;
    world.queue("jobs", json!({})).await;
    for (path, form, status, code) in [
        ("/000000000000/nobody", "Action=SendMessage&MessageBody=a", 400, "AWS.SimpleQueueService.NonExistentQueue"),
        ("/000000000000/jobs", "Action=SendMessage", 400, "MissingParameter"),
        ("/000000000000/jobs", "Action=Dance", 400, "InvalidAction"),
        ("/000000000000/jobs", "MessageBody=a", 400, "MissingParameter"),
        ("/000000000000/jobs", "Action=DeleteMessage&ReceiptHandle=x", 404, "ReceiptHandleIsInvalid"),
        ("/000000000000/jobs", "Action=SendMessageBatch", 400, "AWS.SimpleQueueService.EmptyBatchRequest"),
        ("/", "Action=Publish&TopicArn=arn:aws:sns:us-east-1:000000000000:none&Message=a", 404, "NotFound"),
    ] {
        let (answered, xml) = world.form(path, form).await;
        assert_eq!(answered, status, "{form}: {xml}");
        assert!(xml.contains(&format!("<Type>Sender</Type><Code>{code}</Code>")), "{form}: {xml}");
    }
}

"""{"action": "join", "name": "Ann"}, then {"action": "send", "text": "hello"}"""

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
api = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["API_URL"])


def handler(event, context):
    return ROUTES[event["requestContext"]["routeKey"]](event["requestContext"]["connectionId"], event)


def connect(connection_id, event):
    table.put_item(Item={"connectionId": connection_id})
    return {"statusCode": 200}


def disconnect(connection_id, event):
    table.delete_item(Key={"connectionId": connection_id})
    return {"statusCode": 200}


def join(connection_id, event):
    name = json.loads(event["body"])["name"]
    table.update_item(
        Key={"connectionId": connection_id},
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues={":name": name},
    )
    return broadcast({"type": "joined", "name": name})


def send(connection_id, event):
    sender = table.get_item(Key={"connectionId": connection_id}, ConsistentRead=True)["Item"]
    text = json.loads(event["body"])["text"]
    return broadcast({"type": "message", "name": sender.get("name", "somebody"), "text": text})


def broadcast(message):
    data = json.dumps(message).encode()
    for page in table.meta.client.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True):
        for item in page["Items"]:
            try:
                api.post_to_connection(ConnectionId=item["connectionId"], Data=data)
            except api.exceptions.GoneException:
                table.delete_item(Key={"connectionId": item["connectionId"]})
    return {"statusCode": 200}


ROUTES = {"$connect": connect, "$disconnect": disconnect, "join": join, "send": send}

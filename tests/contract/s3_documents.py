"""A document of each kind that a container may have, as S3 takes it."""

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

DOCUMENTS = {
    "accelerate": f"<AccelerateConfiguration {NAMESPACE}><Status>Enabled</Status></AccelerateConfiguration>",
    "cors": f"<CORSConfiguration {NAMESPACE}><CORSRule><AllowedOrigin>https://app.example</AllowedOrigin>"
    "<AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>77</MaxAgeSeconds></CORSRule></CORSConfiguration>",
    "encryption": f"<ServerSideEncryptionConfiguration {NAMESPACE}><Rule><ApplyServerSideEncryptionByDefault>"
    "<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
    "</ServerSideEncryptionConfiguration>",
    "lifecycle": f"<LifecycleConfiguration {NAMESPACE}><Rule><ID>tidy up</ID><Filter><Prefix>tmp/</Prefix></Filter>"
    "<Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>",
    "logging": f"<BucketLoggingStatus {NAMESPACE}><LoggingEnabled><TargetBucket>CONTAINER</TargetBucket>"
    "<TargetPrefix>log/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
    "notification": f"<NotificationConfiguration {NAMESPACE}><EventBridgeConfiguration></EventBridgeConfiguration>"
    "</NotificationConfiguration>",
    "object-lock": f"<ObjectLockConfiguration {NAMESPACE}><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
    "<DefaultRetention><Mode>GOVERNANCE</Mode><Days>2</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
    "ownership": f"<OwnershipControls {NAMESPACE}><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule>"
    "</OwnershipControls>",
    "policy": '{"Version": "2012-10-17", "Statement": [{"Sid": "keep", "Effect": "Deny", "Principal": "*",'
    ' "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::CONTAINER/keep/*"}]}',
    "public-access-block": f"<PublicAccessBlockConfiguration {NAMESPACE}><BlockPublicAcls>true</BlockPublicAcls>"
    "<IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>"
    "<RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
    "replication": f"<ReplicationConfiguration {NAMESPACE}><Role>arn:aws:iam::123456789012:role/r</Role><Rule>"
    "<ID>all</ID><Priority>1</Priority><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>"
    "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"
    "<Destination><Bucket>arn:aws:s3:::CONTAINER</Bucket></Destination></Rule></ReplicationConfiguration>",
    "request-payment": f"<RequestPaymentConfiguration {NAMESPACE}><Payer>Requester</Payer>"
    "</RequestPaymentConfiguration>",
    "website": f"<WebsiteConfiguration {NAMESPACE}><IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
    "</WebsiteConfiguration>",
}
